#include "canine/text/text_content.hpp"

#include <unicode/uchar.h>

#include "canine/core/utf8.hpp"

namespace canine {
namespace {

bool is_ascii_letter_or_digit(unsigned char byte) {
  const auto lower = static_cast<unsigned char>(byte | 0x20u);
  return (lower >= 'a' && lower <= 'z') || (byte >= '0' && byte <= '9');
}

/// Letters and numbers of any script, and pictures, which a model can learn as well.
bool can_be_read(UChar32 c) {
  constexpr uint32_t kReadable = U_GC_L_MASK | U_GC_N_MASK;
  return (U_GET_GC_MASK(c) & kReadable) != 0 || u_hasBinaryProperty(c, UCHAR_EMOJI_PRESENTATION);
}

bool is_invisible(UChar32 c) {
  constexpr UChar32 kBlankPattern = 0x2800;  // of Braille
  constexpr uint32_t kInvisible = U_GC_Z_MASK | U_GC_CC_MASK | U_GC_CF_MASK;
  return c == kBlankPattern || (U_GET_GC_MASK(c) & kInvisible) != 0 ||
         u_hasBinaryProperty(c, UCHAR_DEFAULT_IGNORABLE_CODE_POINT);
}

}  // namespace

TextContent content_of(std::string_view text) {
  TextContent content = TextContent::kNothing;
  for (size_t i = 0; i < text.size();) {
    if (is_ascii_letter_or_digit(static_cast<unsigned char>(text[i]))) return TextContent::kDescription;
    const auto c = static_cast<UChar32>(next_code_point(text, i));
    if (is_invisible(c)) continue;  // before letters: the fillers of Hangul are letters
    if (can_be_read(c)) return TextContent::kDescription;
    content = TextContent::kNoLetter;
  }
  return content;
}

}  // namespace canine
