#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "byte_source.hpp"
#include "canine/core/log.hpp"
#include "canine/table/table.hpp"

namespace canine {

/// A column to read.
struct WantedColumn {
  size_t index;  ///< position in the file
  std::string name;
  bool raw;  ///< no cell counts as missing
};

/// The columns to read of those in `present`, without repetition. Throws DataError that names the absent ones.
std::vector<WantedColumn> wanted_columns(const std::filesystem::path& path, const std::vector<std::string>& present,
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

/// The rows of a file from front to back: what read_table and TableStream are made of.
class TableReader {
 public:
  static constexpr int64_t kAllRows = INT64_MAX;

  TableReader(std::filesystem::path path, const ReadOptions& options)
      : path_(std::move(path)), options_(options), progress_(path_, options.show_progress) {}
  virtual ~TableReader() = default;
  TableReader(const TableReader&) = delete;
  TableReader& operator=(const TableReader&) = delete;

  const std::filesystem::path& path() const { return path_; }
  const std::vector<std::string>& names() const { return names_; }

  /// The next rows, at most `max_rows`.
  Table next(int64_t max_rows);

  /// Passes over rows, at most `max_rows`. Returns how many there were.
  virtual int64_t skip(int64_t max_rows) = 0;

  int64_t num_rows() const { return num_rows_; }
  virtual double share_read() const = 0;

 protected:
  /// Appends the next rows to a table of the wanted columns and counts them, in table.num_rows too.
  virtual void append_rows(Table& table, int64_t max_rows) = 0;

  /// To be called by the constructors of readers with the columns of the file.
  void choose_columns(const std::vector<std::string>& present);

  void count_rows(int64_t rows) { progress_.update(num_rows_ += rows); }

  const ReadOptions& options() const { return options_; }
  const std::vector<WantedColumn>& wanted() const { return wanted_; }

 private:
  std::filesystem::path path_;
  ReadOptions options_;
  std::vector<WantedColumn> wanted_;
  std::vector<std::string> names_;
  int64_t num_rows_ = 0;
  ReadProgress progress_;
};

/// At the end of a file: warns of cells with a zero byte, which were cut there; `first`: "line 5", "row 5". Of several
/// processes the first one tells.
void warn_of_cut_cells(const std::filesystem::path& path, int64_t count, const std::string& first);

std::unique_ptr<TableReader> make_csv_reader(std::unique_ptr<ByteSource> source, const ReadOptions& options);
std::unique_ptr<TableReader> make_parquet_reader(const std::filesystem::path& path, const ReadOptions& options);

/// The reader that fits the file's content.
std::unique_ptr<TableReader> make_reader(const std::filesystem::path& path, const ReadOptions& options);

std::vector<std::string> csv_column_names(ByteSource& source);
std::vector<std::string> parquet_column_names(const std::filesystem::path& path);

}  // namespace canine
