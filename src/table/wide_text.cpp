#include "wide_text.hpp"

#include <array>

#include "canine/core/utf8.hpp"

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

/// Whether there are zeros enough for the commas, line ends and digits of a table whose texts are in another script,
/// and the bytes of these texts are no UTF-8.
bool fits_other_script(std::string_view text, size_t zeros) {
  constexpr size_t kLongestSequence = 4;  // of UTF-8; one may be cut off by the end of the text
  const size_t bad = find_invalid_utf8(text);
  return zeros >= 8 && zeros * 20 >= text.size() && bad != std::string_view::npos &&
         bad + kLongestSequence <= text.size();
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
  if (few(zeros.even(), zeros.odd()) && (zero_at(start, 1, 3) || fits_other_script(start, zeros.odd())))
    return utf16_le();
  if (few(zeros.odd(), zeros.even()) && (zero_at(start, 0, 2) || fits_other_script(start, zeros.even())))
    return utf16_be();
  return {};
}

}  // namespace canine
