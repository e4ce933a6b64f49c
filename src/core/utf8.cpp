#include "canine/core/utf8.hpp"

#include <cstring>

namespace canine {
namespace {

/// Number of bytes of the well-formed sequence at `p`, 0 if there is none. The code point goes into `code_point`.
size_t decode(const unsigned char* p, size_t left, char32_t& code_point) {
  const auto continuation = [&](size_t i) { return i < left && (p[i] & 0xC0) == 0x80; };
  const unsigned char lead = p[0];
  if (lead < 0x80) {
    code_point = lead;
    return 1;
  }
  if (lead < 0xC2) return 0;
  if (lead < 0xE0) {
    if (!continuation(1)) return 0;
    code_point = static_cast<char32_t>((lead & 0x1F) << 6 | (p[1] & 0x3F));
    return 2;
  }
  if (lead < 0xF0) {
    if (!continuation(1) || !continuation(2)) return 0;
    code_point = static_cast<char32_t>((lead & 0x0F) << 12 | (p[1] & 0x3F) << 6 | (p[2] & 0x3F));
    return code_point < 0x800 || (code_point >= 0xD800 && code_point < 0xE000) ? 0 : 3;
  }
  if (lead < 0xF5) {
    if (!continuation(1) || !continuation(2) || !continuation(3)) return 0;
    code_point = static_cast<char32_t>((lead & 0x07) << 18 | (p[1] & 0x3F) << 12 | (p[2] & 0x3F) << 6 | (p[3] & 0x3F));
    return code_point < 0x10000 || code_point > 0x10FFFF ? 0 : 4;
  }
  return 0;
}

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

}  // namespace

size_t find_invalid_utf8(std::string_view text) {
  const unsigned char* bytes = bytes_of(text);
  size_t i = 0;
  while (i < text.size()) {
    uint64_t word = 0;
    while (i + sizeof word <= text.size()) {  // eight ASCII bytes at a time
      std::memcpy(&word, bytes + i, sizeof word);
      if ((word & 0x8080808080808080u) != 0) break;
      i += sizeof word;
    }
    if (i == text.size()) break;
    char32_t code_point = 0;
    const size_t length = decode(bytes + i, text.size() - i, code_point);
    if (length == 0) return i;
    i += length;
  }
  return std::string_view::npos;
}

char32_t next_code_point(std::string_view text, size_t& position) {
  char32_t code_point = 0;
  const size_t length = decode(bytes_of(text) + position, text.size() - position, code_point);
  position += length == 0 ? 1 : length;
  return length == 0 ? kReplacementCharacter : code_point;
}

void append_code_point(std::string& out, char32_t code_point) {
  if (code_point > 0x10FFFF || (code_point >= 0xD800 && code_point < 0xE000)) code_point = kReplacementCharacter;
  const auto tail = [&](int shift) { return static_cast<char>(0x80 | ((code_point >> shift) & 0x3F)); };
  if (code_point < 0x80) {
    out += static_cast<char>(code_point);
  } else if (code_point < 0x800) {
    out += {static_cast<char>(0xC0 | code_point >> 6), tail(0)};
  } else if (code_point < 0x10000) {
    out += {static_cast<char>(0xE0 | code_point >> 12), tail(6), tail(0)};
  } else {
    out += {static_cast<char>(0xF0 | code_point >> 18), tail(12), tail(6), tail(0)};
  }
}

bool is_python_space(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x1F);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
         c == 0x202F || c == 0x205F || c == 0x3000;
}

}  // namespace canine
