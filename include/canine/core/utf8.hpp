#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace canine {

/// What stands for a byte that is not UTF-8.
inline constexpr char32_t kReplacementCharacter = 0xFFFD;

/// Position of the first byte that begins no well-formed UTF-8 sequence (Unicode 15, table 3-7: no overlong forms, no
/// surrogates, nothing above U+10FFFF), or npos. A sequence cut off by the end of the text counts as ill-formed.
size_t find_invalid_utf8(std::string_view text);

/// Code point at `position`, which is moved behind it. An ill-formed byte gives U+FFFD and moves by one.
/// position must be less than text.size().
char32_t next_code_point(std::string_view text, size_t& position);

/// Appends a code point as UTF-8. Values that are no Unicode scalar value are written as U+FFFD.
void append_code_point(std::string& out, char32_t code_point);

/// White space as Python's str.isspace and str.split see it: bidirectional class WS, B or S, or category Zs; so also
/// U+001C-U+001F, U+0085 and U+00A0, but not U+200B.
bool is_python_space(char32_t code_point);

}  // namespace canine
