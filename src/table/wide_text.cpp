#include "wide_text.hpp"

#include <unicode/uchar.h>
#include <unicode/uscript.h>

#include <algorithm>
#include <array>
#include <set>

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

/// Whether the text is one of lines in up to two scripts, read as 16 bits a character, without anything that a table
/// does not hold. For scripts whose letters all have a high byte that is no zero.
bool reads_as_utf16(std::string_view text, bool little_endian) {
  constexpr size_t kMostScripts = 2;
  std::set<UScriptCode> scripts;
  bool has_line_end = false;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    const auto byte = [&](size_t at) { return static_cast<unsigned char>(text[at]); };
    const auto c = static_cast<UChar32>(little_endian ? byte(i) | byte(i + 1) << 8 : byte(i) << 8 | byte(i + 1));
    has_line_end = has_line_end || c == '\n' || c == '\r';
    constexpr uint32_t kNeverThere = U_GC_CN_MASK | U_GC_CO_MASK | U_GC_CS_MASK | U_GC_CC_MASK;
    const bool is_control = c == '\n' || c == '\r' || c == '\t';
    if (!is_control && (U_GET_GC_MASK(c) & kNeverThere) != 0) return false;
    UErrorCode status = U_ZERO_ERROR;
    const UScriptCode script = uscript_getScript(c, &status);
    if (script != USCRIPT_COMMON && script != USCRIPT_INHERITED) scripts.insert(script);
    if (scripts.size() > kMostScripts) return false;
  }
  return has_line_end && !scripts.empty();
}

/// Bytes that are UTF-8 may be a text of it with zeros in it, unless they have controls that no text has.
bool can_be_utf8(std::string_view text) {
  constexpr size_t kLongestSequence = 4;
  const size_t bad = find_invalid_utf8(text);
  const bool is_utf8 = bad == std::string_view::npos || bad + kLongestSequence > text.size();
  return is_utf8 && std::ranges::none_of(text, [](char c) { return c > 0 && c < '\t'; });
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
  if (can_be_utf8(start)) return {};
  const bool little = reads_as_utf16(start, true);
  if (little == reads_as_utf16(start, false)) return {};
  return little ? utf16_le() : utf16_be();
}

}  // namespace canine
