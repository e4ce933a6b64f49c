#include "canine/app/yaml_text.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <iterator>
#include <regex>

namespace canine {
namespace {

/// Plain texts that YAML 1.1 reads as something else (the implicit resolvers of PyYAML).
bool means_something_else(const std::string& text) {
  static const std::regex kPattern(
      "yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF"
      "|~|null|Null|NULL|<<|="
      "|[-+]?[0-9][0-9_]*\\.[0-9_]*([eE][-+][0-9]+)?"
      "|\\.[0-9][0-9_]*([eE][-+][0-9]+)?"
      "|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+\\.[0-9_]*"
      "|[-+]?\\.(inf|Inf|INF)|\\.(nan|NaN|NAN)"
      "|[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+"
      "|[-+]?[1-9][0-9_]*(:[0-5]?[0-9])+"
      "|[0-9]{4}-[0-9]{2}-[0-9]{2}"
      "|[0-9]{4}-[0-9][0-9]?-[0-9][0-9]?([Tt]|[ \t]+)[0-9][0-9]?:[0-9]{2}:[0-9]{2}(\\.[0-9]*)?"
      "([ \t]*(Z|[-+][0-9][0-9]?(:[0-9]{2})?))?");
  return text.size() < 100 && std::regex_match(text, kPattern);
}

bool is_blank(char c) { return c == ' ' || c == '\0'; }

/// True if the characters allow the plain style.
bool plain_allowed(std::string_view text, bool in_flow) {
  if (text.starts_with("---") || text.starts_with("...")) return false;
  if (text.front() == ' ' || text.back() == ' ') return false;
  constexpr std::string_view kNeverFirst = "#,[]{}&*!|>'\"%@`";
  constexpr std::string_view kNeverInFlow = ",?[]{}:";
  if (kNeverFirst.find(text.front()) != std::string_view::npos) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool before_blank = i + 1 == text.size() || is_blank(text[i + 1]);
    if (i == 0 && (c == '?' || c == '-') && before_blank) return false;
    if (c == ':' && before_blank) return false;
    if (c == '#' && i > 0 && is_blank(text[i - 1])) return false;
    if (in_flow && kNeverInFlow.find(c) != std::string_view::npos) return false;
  }
  return true;
}

/// Next code point of UTF-8; a byte that is none becomes U+DC80..U+DCFF, as Python's surrogateescape has it.
uint32_t next_code_point(std::string_view text, size_t& position) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(position);
  const size_t length = first < 0x80 ? 1 : (first >> 5) == 6 ? 2 : (first >> 4) == 14 ? 3 : (first >> 3) == 30 ? 4 : 0;
  if (length == 1 || length == 0 || position + length > text.size()) {
    ++position;
    return first < 0x80 ? first : 0xDC00u + first;
  }
  uint32_t code_point = first & (0x7Fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(position + i) & 0xC0) != 0x80) {
      ++position;
      return 0xDC00u + first;
    }
    code_point = (code_point << 6) | (byte(position + i) & 0x3Fu);
  }
  position += length;
  return code_point;
}

std::string double_quoted(std::string_view text) {
  struct Escape {
    uint32_t code_point;
    char letter;
  };
  static constexpr std::array<Escape, 14> kEscapes = {{{0, '0'},
                                                       {7, 'a'},
                                                       {8, 'b'},
                                                       {9, 't'},
                                                       {10, 'n'},
                                                       {11, 'v'},
                                                       {12, 'f'},
                                                       {13, 'r'},
                                                       {27, 'e'},
                                                       {'"', '"'},
                                                       {'\\', '\\'},
                                                       {0x85, 'N'},
                                                       {0xA0, '_'},
                                                       {0x2028, 'L'}}};
  std::string out = "\"";
  for (size_t position = 0; position < text.size();) {
    const uint32_t c = next_code_point(text, position);
    char letter = c == 0x2029 ? 'P' : '\0';
    for (const Escape& escape : kEscapes) {
      if (escape.code_point == c) letter = escape.letter;
    }
    if (letter != '\0') {
      out += {'\\', letter};
    } else if (c >= 0x20 && c <= 0x7E) {
      out += static_cast<char>(c);
    } else if (c <= 0xFF) {
      fmt::format_to(std::back_inserter(out), "\\x{:02X}", c);
    } else if (c <= 0xFFFF) {
      fmt::format_to(std::back_inserter(out), "\\u{:04X}", c);
    } else {
      fmt::format_to(std::back_inserter(out), "\\U{:08X}", c);
    }
  }
  return out + "\"";
}

std::string single_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? "''" : std::string(1, c);
  return out + "'";
}

}  // namespace

std::string yaml_text(std::string_view text, bool in_flow) {
  if (text.empty()) return "''";
  for (const char c : text) {
    if (c < 0x20 || c > 0x7E) return double_quoted(text);
  }
  if (plain_allowed(text, in_flow) && !means_something_else(std::string(text))) return std::string(text);
  return single_quoted(text);
}

}  // namespace canine
