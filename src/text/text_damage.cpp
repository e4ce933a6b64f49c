#include "canine/text/text_damage.hpp"

#include <algorithm>
#include <cstdint>

#include "canine/core/utf8.hpp"

namespace canine {
namespace {

bool is_between(char32_t c, char32_t first, char32_t last) { return c >= first && c <= last; }

/// Punctuation that stands behind letters in honest texts: of the bytes 0x80 to 0xBF in Windows-1252.
bool is_usual_punctuation(char32_t c) {
  return is_between(c, 0x2013, 0x2014) || is_between(c, 0x2018, 0x2019) || is_between(c, 0x201C, 0x201D) ||
         c == 0x2026 || c == 0xA0 || c == 0xAB || c == 0xBB;
}

/// What the bytes 0x80 to 0xBF, of which UTF-8 has one to three behind a first one, are in Latin-1 and Windows-1252.
bool is_continuation(char32_t c) {
  constexpr std::u32string_view kOfWindows = U"€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ";
  return is_between(c, 0x80, 0xBF) || kOfWindows.find(c) != std::u32string_view::npos;
}

/// Whether `first`, `second` and `third`, U+0000 behind the end, are one character of UTF-8 read byte by byte.
bool is_misread(char32_t first, char32_t second, char32_t third) {
  constexpr char32_t kRootOfMac = 0x221A;    // 0xC3 there
  constexpr char32_t kBranchOfDos = 0x251C;  // and here
  constexpr char32_t kFirstOfDanish = 0xC2;  // "Â", and "Ã" behind it: they begin nearly all letters of Latin-1
  if (first == kRootOfMac || first == kBranchOfDos) return second > 0x7F;
  if (is_between(first, kFirstOfDanish, kFirstOfDanish + 1)) return is_continuation(second);
  const bool is_unusual = is_continuation(second) && !is_usual_punctuation(second);
  if (is_between(first, 0xC4, 0xDF)) return is_unusual;
  if (!is_between(first, 0xE0, 0xEF) || !is_continuation(second) || !is_continuation(third)) return false;
  return is_unusual || !is_usual_punctuation(third);
}

}  // namespace

TextDamage damage_of(std::string_view text) {
  if (std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; })) return TextDamage::kNone;
  TextDamage damage = TextDamage::kNone;
  char32_t first = 0;
  char32_t second = 0;
  for (size_t i = 0; i <= text.size();) {
    const char32_t third = i < text.size() ? next_code_point(text, i) : (++i, U'\0');
    if (third == kReplacementCharacter) return TextDamage::kLost;
    if (is_misread(first, second, third)) damage = TextDamage::kMisread;
    first = second;
    second = third;
  }
  return damage;
}

}  // namespace canine
