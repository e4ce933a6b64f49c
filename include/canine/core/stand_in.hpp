#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace canine {

/// Whether a file that starts like this is a Git LFS pointer: a few lines that Git leaves in place of a large file that
/// was not fetched.
bool is_lfs_pointer(std::string_view start);

/// What stands at `path` instead of the file that belongs there, with the way to get it, to be put behind the path in a
/// message: a symbolic link whose target is gone, or a Git LFS pointer. "" for everything else, be it there or not.
std::string stand_in(const std::filesystem::path& path);

}  // namespace canine
