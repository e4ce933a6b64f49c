#include "canine/app/require_file.hpp"

#include "canine/core/errors.hpp"
#include "canine/core/stand_in.hpp"
#include "canine/table/folder_hint.hpp"

namespace canine {

namespace fs = std::filesystem;

void require_file(std::string_view option, const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::is_regular_file(status)) return;
  if (fs::is_directory(status)) {
    const std::string hint = folder_hint(path);
    throw UsageError("--{} {}: a file was expected, this is a folder{}{}", option, path.string(),
                     hint.empty() ? "" : ". ", hint);
  }
  if (fs::exists(status)) throw UsageError("--{} {}: a file was expected, this is none", option, path.string());
  if (status.type() == fs::file_type::not_found) {
    const std::string why = stand_in(path);
    throw UsageError("--{} {}: {}", option, path.string(), why.empty() ? "there is no such file" : why);
  }
  throw UsageError("--{} {}: {}", option, path.string(), error.message());
}

}  // namespace canine
