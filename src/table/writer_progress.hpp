#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace canine {

/// How far a TableWriter has come: a small text file of one entry per line.
struct WriterProgress {
  int64_t rows = 0;
  uint64_t bytes = 0;    ///< of the partial file that hold these rows
  std::string settings;  ///< one line each
  std::string state;

  /// Throws DataError unless `path` is such a file.
  static WriterProgress read(const std::filesystem::path& path);

  /// Atomically. Throws InternalError if settings or state hold a line break.
  void write(const std::filesystem::path& path) const;
};

}  // namespace canine
