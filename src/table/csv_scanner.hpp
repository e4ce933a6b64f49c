#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "canine/core/file.hpp"

namespace canine {

/// Cuts a CSV file into rows and fields by the rules of pandas' C parser. Reads the file in windows of some MiB and
/// keeps no more than the current row beyond that, so memory does not grow with the file.
class CsvScanner {
 public:
  /// `window_bytes` >= 4 is how much is read at once.
  explicit CsvScanner(const RandomAccessFile& file, size_t window_bytes = size_t{4} << 20);

  /// Goes to the next row that is not blank. False at the end of the file. Only the first `max_fields` fields are kept,
  /// all are counted. Throws DataError (open quote, bad UTF-8) and IoError.
  bool next_row(size_t max_fields);

  /// Fields of the current row in the file, also those beyond max_fields.
  size_t num_fields() const { return num_fields_; }

  /// Text of field i < min(num_fields, max_fields), unquoted and cut at a NUL. Valid until the next call.
  std::string_view text(size_t i) {
    const Field& field = fields_[i];
    const std::string_view raw(field.data, field.size);
    return field.plain && !has_nul_ ? raw : cleaned(raw, field.plain);
  }

  /// 1-based line where the current row starts.
  uint64_t line() const { return row_line_; }

  /// Bytes of the file behind which no row has been read.
  uint64_t consumed() const { return base_ + static_cast<uint64_t>(cursor_ - buffer_.get()); }

  /// "file.csv, line 12, byte column 7" where field max_fields of the current row starts, if there is one.
  std::string where_surplus() const { return where(surplus_); }

 private:
  struct Field {
    const char* data;
    size_t size;
    bool plain;  ///< the bytes are the text; otherwise there are quotes to be taken out
  };
  enum class Scan { kRow, kEnd, kNeedMore };

  Scan scan_row(size_t max_fields);
  bool skip_blank_lines();
  const char* scan_quoted(const char* p);
  void fill();
  void check_utf8();
  std::string_view cleaned(std::string_view raw, bool plain);
  std::string where(const char* position) const;

  const RandomAccessFile& file_;
  std::unique_ptr<char[]> buffer_;  ///< window of the file, then one line feed that stops every scan
  size_t capacity_ = 0;
  uint64_t base_ = 0;             ///< offset of buffer_[0] in the file
  const char* cursor_ = nullptr;  ///< first byte not yet given out, in line line_
  const char* end_ = nullptr;
  const char* checked_ = nullptr;  ///< up to here the bytes are UTF-8
  bool at_end_ = false;            ///< the window reaches the end of the file
  bool has_nul_ = false;
  uint64_t line_ = 1;

  std::vector<Field> fields_;
  size_t num_fields_ = 0;
  const char* row_ = nullptr;  ///< first byte of the current row, in line row_line_
  uint64_t row_line_ = 1;
  const char* surplus_ = nullptr;
  uint64_t quoted_breaks_ = 0;  ///< line breaks inside the quotes of the row being scanned
  std::string scratch_;
};

}  // namespace canine
