#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "canine/table/table.hpp"

namespace canine {

class TableReader;

/// A CSV or Parquet file read from front to back in tables of some rows each, for files that do not fit in memory. The
/// tables put behind each other are what read_table gives, with the same errors; lines and rows are counted through the
/// whole file. Memory is that of one such table, of a few MiB of the file, and of the longest row.
///
/// Throws as read_table does; after an error the stream is of no more use. Not thread-safe.
class TableStream {
 public:
  /// Opens the file and reads the names of its columns.
  explicit TableStream(const std::filesystem::path& path, const ReadOptions& options = {});
  ~TableStream();
  TableStream(TableStream&&) noexcept;
  TableStream& operator=(TableStream&&) noexcept;

  /// Names of the columns that every table has.
  const std::vector<std::string>& names() const;

  /// The next rows: `max_rows` >= 1 of them, fewer only at the end of the file, none behind it.
  Table next(int64_t max_rows);

  /// Passes over rows, to continue where an earlier run stopped. Throws DataError if the file has fewer.
  void skip_rows(int64_t num_rows);

  /// Passes over the rest to find out whether it can be read, before anything that takes longer. Throws as next().
  void skip_rest();

  /// Rows read or passed over.
  int64_t num_rows() const;

  /// Part of the file that has been read, in [0, 1]: by bytes of a CSV file, by rows of a Parquet file.
  double share_read() const;

 private:
  std::unique_ptr<TableReader> reader_;
};

}  // namespace canine
