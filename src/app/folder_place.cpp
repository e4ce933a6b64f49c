#include "canine/app/folder_place.hpp"

#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "canine/core/errors.hpp"
#include "canine/core/stand_in.hpp"

namespace canine {

namespace fs = std::filesystem;

void require_folder_place(const fs::path& folder) {
  std::error_code ignored;
  fs::path there = fs::absolute(folder, ignored);
  if (there.filename().empty()) there = there.parent_path();  // of "runs/"
  while (!fs::exists(fs::symlink_status(there, ignored)) && there.has_relative_path()) there = there.parent_path();
  if (const std::string why = stand_in(there); !why.empty()) {
    throw CannotWriteError("cannot make the folder {}: {}: {}", folder.string(), there.string(), why);
  }
  if (!fs::is_directory(there, ignored)) {
    throw CannotWriteError("cannot make the folder {}: {} is no folder; give another name", folder.string(),
                           there.string());
  }
  if (::access(there.c_str(), W_OK | X_OK) == 0) return;
  throw CannotWriteError("cannot write into the folder {}: {}: {}; give another one", folder.string(), there.string(),
                         std::generic_category().message(errno));
}

}  // namespace canine
