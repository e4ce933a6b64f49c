#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace canine {

/// One column of text: all characters in one buffer, 8 bytes per row for offsets and one bit for "missing".
class StringColumn {
 public:
  int64_t size() const { return static_cast<int64_t>(offsets_.size()) - 1; }

  /// Text of a row; empty if missing. Valid as long as the column is not changed.
  std::string_view text(int64_t row) const {
    const size_t r = static_cast<size_t>(row);
    return {chars_.data() + offsets_[r], static_cast<size_t>(offsets_[r + 1] - offsets_[r])};
  }
  bool missing(int64_t row) const { return missing_[static_cast<size_t>(row)]; }

  /// nullopt if missing.
  std::optional<std::string_view> cell(int64_t row) const {
    return missing(row) ? std::nullopt : std::optional<std::string_view>(text(row));
  }

  /// Bytes of all texts together.
  int64_t num_bytes() const { return static_cast<int64_t>(chars_.size()); }

  void append(std::string_view text);
  void append_missing();
  void reserve(int64_t rows, int64_t bytes);

 private:
  std::string chars_;
  std::vector<uint64_t> offsets_{0};
  std::vector<bool> missing_;
};

/// Columns of equal length, and where each row came from.
struct Table {
  std::vector<std::string> names;
  std::vector<StringColumn> columns;
  int64_t num_rows = 0;
  std::filesystem::path path;         ///< for messages
  std::vector<uint64_t> line_of_row;  ///< 1-based line where the row starts in the file; empty for Parquet
  int64_t first_row = 0;              ///< rows of the file in front of this table (TableStream)

  /// Column called `name`. Throws UsageError that lists the columns there are.
  const StringColumn& column(std::string_view name) const;
  bool has(std::string_view name) const;

  /// "file.csv, line 12" or "file.parquet, row 11".
  std::string where(int64_t row) const;
};

struct ReadOptions {
  std::vector<std::string> columns;      ///< columns wanted; empty = all. An absent one is a DataError naming them
  std::vector<std::string> raw_columns;  ///< columns whose texts are never missing ("NA" stays "NA", empty stays empty)
  bool keep_lines = true;                ///< fill line_of_row
  bool show_progress = true;             ///< a line on stdout per 1,000,000 rows of large files
  bool warn = true;  ///< at the end of the file, tell what looks wrong in its rows; false for files read twice
};

/// Reads a CSV or Parquet file (told apart by content, see file_kind.hpp; a file called .parquet must be one). The
/// table holds the columns asked for in that order, or all in the file's order.
///
/// CSV has pandas 2.3.3's meaning: same rows, same texts, same missing cells as its C parser reading every column as
/// text: `,` and `"`, UTF-8 with or without BOM, LF, CRLF or CR, lines of nothing but blanks skipped, a second `a` in
/// the header called `a.1`, too few fields filled with missing ones, a cell cut at a NUL. Rows with too many fields,
/// which pandas takes for row labels, refuses or cuts, depending on where they are, are always an error here.
///
/// Beyond that: files whose name ends in .tsv or .tab have tabs for commas; files of gzip, bzip2, zstd and lz4 are
/// unpacked as they are read; a first line `sep=,` as Excel knows it is passed over. A warning at the end of the file
/// counts texts in quotes that look as if a quote were missing, and texts cut at a NUL (of Parquet too).
///
/// Parquet columns of numbers become the text pandas' astype(str) gives, except that whole floats lose their ".0"
/// (integers with nulls come as floats): "12", "1.5", "True"; dates and times that of ISO 8601 with a blank between
/// them ("2020-01-31 12:00:00"), decimals their digits. Null and NaN are missing; in raw columns they are empty.
///
/// Throws DataError with file, line and what was expected (too many fields, open quote, bad UTF-8, empty file, absent
/// column, nested Parquet column, Parquet file without columns, a file of another kind), IoError.
Table read_table(const std::filesystem::path& path, const ReadOptions& options);

/// Names of a file's columns as read_table gives them, without reading the rows. Throws as read_table does.
std::vector<std::string> read_column_names(const std::filesystem::path& path);

/// True for the cell texts that pandas 2.3.3 takes for missing: "", "NA", "nan", "None", ...
bool is_missing_text(std::string_view text);

}  // namespace canine
