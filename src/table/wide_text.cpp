#include "wide_text.hpp"

#include <array>

namespace canine {
namespace {

using namespace std::string_view_literals;

FileKind utf16_le() {
  return FileKind::foreign("text in UTF-16 (little endian)",
                           "Save it as UTF-8: 'iconv -f UTF-16LE -t UTF-8 FILE > NEW.csv', or 'CSV UTF-8' in Excel");
}
FileKind utf16_be() {
  return FileKind::foreign("text in UTF-16 (big endian)",
                           "Save it as UTF-8: 'iconv -f UTF-16BE -t UTF-8 FILE > NEW.csv', or 'CSV UTF-8' in Excel");
}
FileKind utf32_le() {
  return FileKind::foreign("text in UTF-32 (little endian)",
                           "Save it as UTF-8: 'iconv -f UTF-32LE -t UTF-8 FILE > NEW.csv'");
}
FileKind utf32_be() {
  return FileKind::foreign("text in UTF-32 (big endian)",
                           "Save it as UTF-8: 'iconv -f UTF-32BE -t UTF-8 FILE > NEW.csv'");
}

/// Zeros at every position modulo 4, as far as the text goes.
struct Zeros {
  explicit Zeros(std::string_view text) {
    for (size_t i = 0; i < text.size(); ++i) at[i % 4] += text[i] == '\0';
  }
  size_t even() const { return at[0] + at[2]; }
  size_t odd() const { return at[1] + at[3]; }
  size_t all() const { return even() + odd(); }

  std::array<size_t, 4> at{};
};

bool zero_at(std::string_view text, size_t i, size_t j) {
  return j < text.size() && text[i] == '\0' && text[j] == '\0';
}

/// Whether so many zeros are enough for the commas, line ends and digits of a table whose texts are in another script,
/// and most of its line feeds are characters of two bytes.
bool fits_utf16(std::string_view text, size_t zeros, bool little) {
  size_t line_feeds = 0;
  size_t wide_line_feeds = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\n') continue;
    const size_t high_byte = little ? i + 1 : i - 1;
    ++line_feeds;
    wide_line_feeds += (i % 2 == 0) == little && high_byte < text.size() && text[high_byte] == '\0';
  }
  return zeros >= 8 && zeros * 20 >= text.size() && 2 * wide_line_feeds >= line_feeds;
}

}  // namespace

FileKind wide_text_kind(std::string_view start) {
  if (start.starts_with("\xFF\xFE\0\0"sv)) return utf32_le();
  if (start.starts_with("\0\0\xFE\xFF"sv)) return utf32_be();
  if (start.starts_with("\xFF\xFE"sv)) return utf16_le();
  if (start.starts_with("\xFE\xFF"sv)) return utf16_be();
  const Zeros zeros(start);
  if (zeros.all() == 0) return {};
  if (zeros.all() == start.size()) {
    return FileKind::foreign("nothing but zero bytes",
                             "It was damaged when it was written or copied: get it again from where it came from");
  }
  // Hardly any character of a table is above U+FFFF, and few have zeros in their lowest byte.
  const auto few = [](size_t some, size_t others) { return some * 3 <= others; };
  const size_t quarter = start.size() / 4;
  if (quarter > 0 && few(zeros.at[0], zeros.at[3]) && zeros.at[3] == quarter && zeros.at[2] * 2 > quarter) {
    return utf32_le();
  }
  if (quarter > 0 && few(zeros.at[3], zeros.at[0]) && zeros.at[0] >= quarter && zeros.at[1] * 2 > quarter) {
    return utf32_be();
  }
  if (few(zeros.even(), zeros.odd()) && (zero_at(start, 1, 3) || fits_utf16(start, zeros.odd(), true)))
    return utf16_le();
  if (few(zeros.odd(), zeros.even()) && (zero_at(start, 0, 2) || fits_utf16(start, zeros.even(), false)))
    return utf16_be();
  return {};
}

}  // namespace canine
