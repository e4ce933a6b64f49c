#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "canine/core/file.hpp"
#include "canine/core/log.hpp"
#include "canine/table/table.hpp"

namespace canine {

Table read_csv(const RandomAccessFile& file, const ReadOptions& options);
Table read_parquet(const std::filesystem::path& path, const ReadOptions& options);
std::vector<std::string> csv_column_names(const RandomAccessFile& file);
std::vector<std::string> parquet_column_names(const std::filesystem::path& path);

/// 'a', 'b', 'c' for messages; long lists are cut.
std::string list_of_names(const std::vector<std::string>& names);

/// Index in `present` of each column to read, without repetition. Throws DataError that names the absent ones.
std::vector<size_t> wanted_columns(const std::filesystem::path& path, const std::vector<std::string>& present,
                                   const ReadOptions& options);

/// A line on stdout each time another million rows have been read.
class ReadProgress {
 public:
  ReadProgress(const std::filesystem::path& path, bool show);

  void update(int64_t rows) {
    if (rows >= next_) report(rows);
  }

 private:
  static constexpr int64_t kStep = 1'000'000;
  void report(int64_t rows);

  const std::filesystem::path& path_;
  int64_t next_;
};

}  // namespace canine
