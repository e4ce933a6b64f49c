#include "csv_scanner.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "canine/core/errors.hpp"
#include "canine/core/utf8.hpp"

namespace canine {
namespace {

/// Bytes that end a field outside quotes.
constexpr std::array<bool, 256> field_ends(char separator) {
  std::array<bool, 256> table{};
  for (const char byte : {separator, '\n', '\r'}) table[static_cast<unsigned char>(byte)] = true;
  return table;
}
constexpr auto kEndsAtComma = field_ends(',');
constexpr auto kEndsAtTab = field_ends('\t');

/// A text has a zero byte now and then where a program went wrong, but so many in a row are what a disk or a copy that
/// broke off has left.
constexpr size_t kMostZeros = 16;

/// Whether a text that is not UTF-8 may only lack the end of its last character.
bool is_cut_off(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  const auto goes_on = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; };
  return first >= 0xC2 && text.size() < length && std::ranges::all_of(text.substr(1), goes_on);
}

uint64_t count_line_breaks(std::string_view text) {
  uint64_t breaks = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    breaks += text[i] == '\n' || (text[i] == '\r' && (i + 1 == text.size() || text[i + 1] != '\n'));
  }
  return breaks;
}

}  // namespace

CsvScanner::CsvScanner(ByteSource& source, char separator, size_t window_bytes)
    : source_(source), separator_(separator), ends_field_(separator == '\t' ? kEndsAtTab : kEndsAtComma) {
  constexpr uint64_t kLeast = 4;
  const uint64_t small_file = std::max(source.size(), kLeast);
  capacity_ = small_file < window_bytes ? static_cast<size_t>(small_file) + 1  // so that its end is seen at once
                                        : window_bytes;
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
  const size_t added = source_.read(std::as_writable_bytes(std::span(buffer_.get() + rest, capacity_ - rest)));
  row_ = cursor_ = buffer_.get();
  row_line_ = line_;
  end_ = cursor_ + rest + added;
  buffer_[rest + added] = '\n';
  checked_ = cursor_ + (rest - unchecked);
  at_end_ = added < capacity_ - rest;
  check_utf8();
  has_nul_ = std::memchr(cursor_, '\0', rest + added) != nullptr;
  if (has_nul_) check_zeros(cursor_ + (rest < kMostZeros ? 0 : rest - kMostZeros));
}

void CsvScanner::check_utf8() {
  const std::string_view text(checked_, end_);
  const size_t bad = find_invalid_utf8(text);
  if (bad == std::string_view::npos) {
    checked_ = end_;
  } else if (!at_end_ && is_cut_off(text.substr(bad))) {
    checked_ += bad;  // no row ends behind it before the next window is read
  } else {
    throw DataError(
        "{}: expected UTF-8, found the byte 0x{:02X}. Save the file as UTF-8, for example 'iconv -f WINDOWS-1252 -t "
        "UTF-8 OLD > NEW' if it is from a Western European Windows (others: ISO-8859-1, WINDOWS-1250 and 1251, "
        "MACINTOSH, IBM850, GB18030, BIG5, SHIFT_JIS, EUC-KR)",
        where(checked_ + bad), static_cast<unsigned char>(text[bad]));
  }
}

void CsvScanner::check_zeros(const char* from) {
  const std::string_view text(from, end_);
  const size_t run = text.find(std::string_view("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", kMostZeros));
  if (run == std::string_view::npos) return;
  throw DataError(
      "{}: expected text, found a run of zero bytes. The file was damaged when it was written or copied: get it again "
      "from where it came from",
      where(from + run));
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
    while (*p == ' ' || (*p == '\t' && separator_ != '\t')) ++p;
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
  const std::array<bool, 256>& ends_field = ends_field_;
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
    const uint64_t line_breaks = count_line_breaks({start, quote});
    p = quote + 1;
    while (!ends_field[static_cast<unsigned char>(*p)]) ++p;
    if (line_breaks > 0 || p != quote + 1) note_odd_quotes(line_breaks, p != quote + 1);
    if (plain && p == quote + 1) {
      fields_.push_back({start, static_cast<size_t>(quote - start), true});
    } else {
      fields_.push_back({start - 1, static_cast<size_t>(p - start + 1), false});
    }
    return p;
  }
}

/// `line_breaks` are those of the field that follows what quoted_breaks_ has counted.
void CsvScanner::note_odd_quotes(uint64_t line_breaks, bool text_behind) {
  odd_quotes_.text_behind |= text_behind;
  if (line_breaks > odd_quotes_.last_line - odd_quotes_.first_line) {
    odd_quotes_.first_line = row_line_ + quoted_breaks_;
    odd_quotes_.last_line = odd_quotes_.first_line + line_breaks;
  }
  quoted_breaks_ += line_breaks;
}

CsvScanner::Scan CsvScanner::scan_row(size_t max_fields) {
  const std::array<bool, 256>& ends_field = ends_field_;
  const Scan at_window_end = at_end_ ? Scan::kEnd : Scan::kNeedMore;
  if (!skip_blank_lines()) return at_window_end;
  fields_.clear();
  num_fields_ = 0;
  quoted_breaks_ = 0;
  odd_quotes_ = {};
  const char* p = row_ = cursor_;
  row_line_ = line_;
  while (true) {
    if (num_fields_ == max_fields) surplus_ = p;
    if (*p == '"' && p != end_) {
      p = scan_quoted(p + 1);
      if (p == nullptr) return Scan::kNeedMore;
    } else {
      const char* const start = p;
      while (!ends_field[static_cast<unsigned char>(*p)]) ++p;
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
  const size_t nul = raw.find('\0');
  if (nul != std::string_view::npos && num_cut_++ == 0) first_cut_line_ = row_line_;
  return raw.substr(0, nul);
}

double CsvScanner::share_read() const {
  const auto given = static_cast<double>(source_.position());
  return given == 0 ? 1 : source_.share_read() * (static_cast<double>(consumed()) / given);
}

std::string CsvScanner::where(const char* position) const {
  const std::string_view before(row_, position);
  const size_t last_break = before.find_last_of("\r\n");
  const size_t column = before.size() - (last_break == std::string_view::npos ? 0 : last_break + 1);
  const uint64_t line = row_line_ + count_line_breaks(before);
  return fmt::format("{}, line {}, byte column {}", source_.path().string(), line, column + 1);
}

}  // namespace canine
