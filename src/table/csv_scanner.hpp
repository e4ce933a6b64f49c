#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "byte_source.hpp"

namespace canine {

/// U+FEFF in UTF-8, with which spreadsheets begin their files.
inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

/// What is odd about the fields in quotes of a row. Lines are those of the file, from 1.
struct OddQuotes {
  uint64_t first_line = 0;  ///< of the field over most lines; 0 if none is over several
  uint64_t last_line = 0;
  bool text_behind = false;  ///< a text goes on behind the closing quote, as `"a "b" c"` does

  bool any() const { return text_behind || first_line > 0; }
};

/// Cuts a CSV file into rows and fields by the rules of pandas' C parser. Reads the file in windows of some MiB and
/// keeps no more than the current row beyond that, so memory does not grow with the file.
class CsvScanner {
 public:
  /// `separator` is ',' or a tab; `window_bytes` >= 4 is how much is read at once.
  explicit CsvScanner(ByteSource& source, char separator = ',', size_t window_bytes = size_t{4} << 20);

  /// Goes to the next row that is not blank. False at the end of the file. Only the first `max_fields` fields are kept,
  /// all are counted. Throws DataError (open quote, bad UTF-8, a run of zero bytes) and IoError.
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

  /// Lines up to the end of the current row.
  uint64_t num_lines() const { return line_ - 1; }

  /// Of the current row.
  const OddQuotes& odd_quotes() const { return odd_quotes_; }

  /// Field i as it stands in the file, for those in quotes that hold quotes with all of these.
  std::string_view raw(size_t i) const { return {fields_[i].data, fields_[i].size}; }

  char separator() const { return separator_; }

  /// Texts that text() has cut at a NUL so far, and the line of the row of the first.
  int64_t num_cut() const { return num_cut_; }
  uint64_t first_cut_line() const { return first_cut_line_; }

  /// Bytes of the (unpacked) file behind which no row has been read.
  uint64_t consumed() const { return base_ + static_cast<uint64_t>(cursor_ - buffer_.get()); }

  /// Part of the file in front of that.
  double share_read() const;

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
  void note_odd_quotes(uint64_t line_breaks, bool text_behind);
  void fill();
  void check_utf8();
  void check_zeros(const char* from);
  std::string_view cleaned(std::string_view raw, bool plain);
  std::string where(const char* position) const;

  ByteSource& source_;
  const char separator_;
  const std::array<bool, 256>& ends_field_;  ///< bytes that end a field outside quotes
  std::unique_ptr<char[]> buffer_;           ///< window of the file, then one line feed that stops every scan
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
  OddQuotes odd_quotes_;
  int64_t num_cut_ = 0;
  uint64_t first_cut_line_ = 0;
  std::string scratch_;
};

}  // namespace canine
