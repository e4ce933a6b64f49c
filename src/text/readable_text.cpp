#include "canine/text/readable_text.hpp"

#include <fmt/format.h>
#include <unicode/uchar.h>

#include "canine/core/utf8.hpp"

namespace canine {
namespace {

bool is_invisible(char32_t code_point) {
  const auto c = static_cast<UChar32>(code_point);
  return u_iscntrl(c) || u_hasBinaryProperty(c, UCHAR_DEFAULT_IGNORABLE_CODE_POINT) ||
         (code_point != ' ' && u_isUWhiteSpace(c));
}

std::string escape_of(char32_t code_point) {
  if (code_point == '\t') return "\\t";
  if (code_point == '\n') return "\\n";
  if (code_point == '\r') return "\\r";
  const auto number = static_cast<uint32_t>(code_point);
  return number <= 0xFFFF ? fmt::format("\\u{:04X}", number) : fmt::format("\\U{:08X}", number);
}

}  // namespace

std::string readable_text(std::string_view text) {
  std::string readable;
  for (size_t i = 0; i < text.size();) {
    const char32_t code_point = next_code_point(text, i);
    if (is_invisible(code_point)) {
      readable += escape_of(code_point);
    } else {
      append_code_point(readable, code_point);
    }
  }
  return readable;
}

}  // namespace canine
