#include "canine/core/stand_in.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kLfsStart = "version https://git-lfs.github.com/spec/";
constexpr uint64_t kMostPointerBytes = 1024;

std::string dangling_link(const fs::path& path) {
  std::error_code error;
  if (!fs::is_symlink(fs::symlink_status(path, error)) || fs::exists(path, error)) return "";
  const fs::path target = fs::read_symlink(path, error);
  if (error || fs::status(path, error).type() != fs::file_type::not_found) return "";  // a loop, or no access
  const bool of_hub = path.parent_path().parent_path().filename() == "snapshots";
  return fmt::format(
      "this is a link to {}, which is not there{}", (path.parent_path() / target).lexically_normal().string(),
      of_hub ? "; download the model again (.venv/bin/hf download), or remove its folder from the Hub cache" : "");
}

bool is_pointer_file(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error) || fs::file_size(path, error) > kMostPointerBytes || error) return false;
  try {
    return is_lfs_pointer(read_file(path, kMostPointerBytes));
  } catch (const Error&) {
    return false;  // whoever reads it says why it cannot
  }
}

}  // namespace

bool is_lfs_pointer(std::string_view start) { return start.starts_with(kLfsStart); }

std::string stand_in(const fs::path& path) {
  if (is_pointer_file(path)) {
    return "this is a Git LFS pointer, not the file itself; fetch it with 'git lfs install' and 'git lfs pull' in its "
           "folder, or download it again";
  }
  return dangling_link(path);
}

}  // namespace canine
