#include "canine/core/new_folder.hpp"

#include <unistd.h>

#include <system_error>

#include "canine/core/file.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

void remove_empty(const std::vector<fs::path>& folders) {
  for (const fs::path& folder : folders) {
    if (::rmdir(folder.c_str()) != 0) return;
  }
}

}  // namespace

NewFolder::NewFolder(const fs::path& folder) {
  std::error_code ignored;
  fs::path absent = fs::absolute(folder, ignored).lexically_normal();
  if (!absent.has_filename()) absent = absent.parent_path();  // "out/"
  for (; !absent.empty() && !fs::exists(fs::symlink_status(absent, ignored)); absent = absent.parent_path()) {
    made_.push_back(absent);
  }
  try {
    make_writable_folder(folder);
  } catch (...) {
    remove_empty(made_);
    throw;
  }
}

NewFolder::~NewFolder() { remove_empty(made_); }

}  // namespace canine
