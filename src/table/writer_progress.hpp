#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace canine {

/// How far a TableWriter has come: a small text file of one entry per line, whose first line and whose knowledge of the
/// partial file's header tell both files from those of others.
struct WriterProgress {
  int64_t rows = 0;
  uint64_t bytes = 0;    ///< of the partial file that hold these rows
  std::string settings;  ///< one line each
  std::string state;
  uint64_t header_bytes = 0;  ///< of the partial file's header; 0 = not known (written by earlier versions)
  std::string header_sha256;

  /// Throws DataError unless `path` is such a file.
  static WriterProgress read(const std::filesystem::path& path);

  /// Whether the file begins as such files do, whole or not. False for links, folders and devices.
  static bool is_one(const std::filesystem::path& path);

  /// Whether the partial file of this name is the one that belongs to this, as far as it is known: it is empty, or
  /// begins with the header.
  bool belongs_to(const std::filesystem::path& partial) const;

  /// Atomically. Throws InternalError if settings or state hold a line break.
  void write(const std::filesystem::path& path) const;
};

}  // namespace canine
