#pragma once

#include <filesystem>

namespace canine {

/// Makes `path` name the content of `source` by renaming over what was there, without writing the bytes a second time:
/// as a reflink where the file system has them, else as a hard link, else (no links at all) as a copy.
/// A link under this name that leads out of its folder stays, and its target is replaced. Throws IoError with `path` as
/// it was, CannotWriteError (core/output_path.hpp).
void clone_over(const std::filesystem::path& source, const std::filesystem::path& path);

/// Makes `path` a file that shares its bytes with no other name, by a copy renamed over it, if it is a hard link.
/// Throws IoError or CannotWriteError with `path` as it was.
void separate(const std::filesystem::path& path);

}  // namespace canine
