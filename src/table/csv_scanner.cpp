#include "csv_scanner.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "canine/core/errors.hpp"
#include "canine/core/utf8.hpp"

namespace canine {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

/// Bytes that end a field outside quotes.
constexpr auto kEndsField = [] {
  std::array<bool, 256> table{};
  for (const unsigned char byte : {',', '\n', '\r'}) table[byte] = true;
  return table;
}();

uint64_t count_line_breaks(std::string_view text) {
  uint64_t breaks = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    breaks += text[i] == '\n' || (text[i] == '\r' && (i + 1 == text.size() || text[i + 1] != '\n'));
  }
  return breaks;
}

}  // namespace

CsvScanner::CsvScanner(const RandomAccessFile& file, size_t window_bytes) : file_(file) {
  capacity_ = static_cast<size_t>(std::min<uint64_t>(window_bytes, file.size()));
  buffer_ = std::make_unique_for_overwrite<char[]>(capacity_ + 1);
  cursor_ = end_ = checked_ = buffer_.get();
  fill();
  if (std::string_view(cursor_, end_).starts_with(kByteOrderMark)) cursor_ += kByteOrderMark.size();
}

/// Moves the unread rest to the front and reads on; a rest that fills the window (one long row) doubles it.
void CsvScanner::fill() {
  const auto rest = static_cast<size_t>(end_ - cursor_);
  const auto unchecked = static_cast<size_t>(end_ - std::max(checked_, cursor_));
  base_ += static_cast<uint64_t>(cursor_ - buffer_.get());
  if (rest == capacity_) {
    auto larger = std::make_unique_for_overwrite<char[]>(2 * capacity_ + 1);
    std::memcpy(larger.get(), cursor_, rest);
    buffer_ = std::move(larger);
    capacity_ *= 2;
  } else {
    std::memmove(buffer_.get(), cursor_, rest);
  }
  const uint64_t left = file_.size() - base_ - rest;
  const auto added = static_cast<size_t>(std::min<uint64_t>(capacity_ - rest, left));
  file_.read(base_ + rest, std::as_writable_bytes(std::span(buffer_.get() + rest, added)));
  row_ = cursor_ = buffer_.get();
  row_line_ = line_;
  end_ = cursor_ + rest + added;
  buffer_[rest + added] = '\n';
  checked_ = cursor_ + (rest - unchecked);
  at_end_ = added == left;
  check_utf8();
  has_nul_ = std::memchr(cursor_, '\0', rest + added) != nullptr;
}

void CsvScanner::check_utf8() {
  const std::string_view text(checked_, end_);
  const size_t bad = find_invalid_utf8(text);
  constexpr size_t kLongestSequence = 4;
  if (bad == std::string_view::npos) {
    checked_ = end_;
  } else if (!at_end_ && bad + kLongestSequence > text.size()) {
    checked_ += bad;  // perhaps only cut off by the end of the window
  } else {
    const auto byte = static_cast<unsigned char>(text[bad]);
    const bool utf16_mark = byte == 0xFF || byte == 0xFE;  // bytes that texts in an 8-bit encoding hardly have
    throw DataError(
        "{}: expected UTF-8, found the byte 0x{:02X}. Save the file as UTF-8 (for example 'iconv -f {} -t UTF-8 OLD > "
        "NEW')",
        where(checked_ + bad), byte, utf16_mark ? "UTF-16" : "ISO-8859-1");
  }
}

bool CsvScanner::next_row(size_t max_fields) {
  while (true) {
    switch (scan_row(max_fields)) {
      case Scan::kRow:
        return true;
      case Scan::kEnd:
        return false;
      case Scan::kNeedMore:
        fill();
    }
  }
}

/// Moves the cursor over lines of nothing but blanks and tabs. False if the window ends within such a line.
bool CsvScanner::skip_blank_lines() {
  while (true) {
    const char* p = cursor_;
    while (*p == ' ' || *p == '\t') ++p;
    if (p == end_) return false;
    if (*p == '\r') {
      if (p + 1 == end_ && !at_end_) return false;
      if (p + 1 != end_ && p[1] == '\n') ++p;
    } else if (*p != '\n') {
      return true;
    }
    cursor_ = p + 1;
    ++line_;
  }
}

/// From behind an opening quote to the field's end: the closing quote, or the byte that ends the text after it.
/// Appends the field. nullptr if the window ends first.
const char* CsvScanner::scan_quoted(const char* p) {
  const char* const start = p;
  bool plain = true;
  while (true) {
    const auto* quote = static_cast<const char*>(std::memchr(p, '"', static_cast<size_t>(end_ - p)));
    if (quote == nullptr) {
      if (!at_end_) return nullptr;
      throw DataError("{}: the quote that opens here is never closed; expected another '\"' before the end of the file",
                      where(start - 1));
    }
    if (quote + 1 == end_ && !at_end_) return nullptr;
    if (quote + 1 != end_ && quote[1] == '"') {
      p = quote + 2;
      plain = false;
      continue;
    }
    quoted_breaks_ += count_line_breaks({start, quote});
    p = quote + 1;
    while (!kEndsField[static_cast<unsigned char>(*p)]) ++p;
    if (plain && p == quote + 1) {
      fields_.push_back({start, static_cast<size_t>(quote - start), true});
    } else {
      fields_.push_back({start - 1, static_cast<size_t>(p - start + 1), false});
    }
    return p;
  }
}

CsvScanner::Scan CsvScanner::scan_row(size_t max_fields) {
  const Scan at_window_end = at_end_ ? Scan::kEnd : Scan::kNeedMore;
  if (!skip_blank_lines()) return at_window_end;
  fields_.clear();
  num_fields_ = 0;
  quoted_breaks_ = 0;
  const char* p = row_ = cursor_;
  row_line_ = line_;
  while (true) {
    if (num_fields_ == max_fields) surplus_ = p;
    if (*p == '"' && p != end_) {
      p = scan_quoted(p + 1);
      if (p == nullptr) return Scan::kNeedMore;
    } else {
      const char* const start = p;
      while (!kEndsField[static_cast<unsigned char>(*p)]) ++p;
      fields_.push_back({start, static_cast<size_t>(p - start), true});
    }
    if (++num_fields_ > max_fields) fields_.pop_back();
    if (p == end_) {
      if (!at_end_) return Scan::kNeedMore;
      break;
    }
    if (*p == '\r') {
      if (p + 1 == end_ && !at_end_) return Scan::kNeedMore;
      if (p + 1 != end_ && p[1] == '\n') ++p;
      ++p;
      break;
    }
    if (*p++ == '\n') break;
  }
  line_ += quoted_breaks_ + 1;
  cursor_ = p;
  return Scan::kRow;
}

std::string_view CsvScanner::cleaned(std::string_view raw, bool plain) {
  if (!plain) {
    scratch_.clear();
    bool inside = true;
    for (size_t i = 1; i < raw.size(); ++i) {
      if (raw[i] != '"' || !inside) {
        scratch_ += raw[i];
      } else if (i + 1 < raw.size() && raw[i + 1] == '"') {
        scratch_ += raw[++i];
      } else {
        inside = false;
      }
    }
    raw = scratch_;
  }
  return raw.substr(0, raw.find('\0'));
}

std::string CsvScanner::where(const char* position) const {
  const std::string_view before(row_, position);
  const size_t last_break = before.find_last_of("\r\n");
  const size_t column = before.size() - (last_break == std::string_view::npos ? 0 : last_break + 1);
  const uint64_t line = row_line_ + count_line_breaks(before);
  return fmt::format("{}, line {}, byte column {}", file_.path().string(), line, column + 1);
}

}  // namespace canine
