#include "canine/core/python_float.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <system_error>

#include "canine/core/utf8.hpp"

namespace canine {
namespace {

/// White space as float() sees it: of the ASCII characters only those of C.
bool is_float_space(char32_t code_point) {
  return is_python_space(code_point) && !(code_point >= 0x1C && code_point <= 0x1F);
}

/// The text without white space at its ends.
std::string_view stripped(std::string_view text) {
  size_t begin = text.size();
  size_t end = 0;
  for (size_t i = 0; i < text.size();) {
    const size_t start = i;
    if (is_float_space(next_code_point(text, i))) continue;
    begin = std::min(begin, start);
    end = i;
  }
  return begin < end ? text.substr(begin, end - begin) : std::string_view{};
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The text without the '_' between its digits; empty if there is one elsewhere.
std::string without_underscores(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      plain.push_back(text[i]);
    } else if (i == 0 || i + 1 == text.size() || !is_digit(text[i - 1]) || !is_digit(text[i + 1])) {
      return {};
    }
  }
  return plain;
}

template <typename Float>
std::string shortest_text(Float value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char buffer[64];
  const double size = std::abs(value);
  const bool scientific = size != 0 && (size < 1e-4 || size >= 1e16);
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value,
                                 scientific ? std::chars_format::scientific : std::chars_format::fixed);
  std::string text(buffer, end.ptr);
  if (!scientific && text.find('.') == std::string::npos) text += ".0";
  return text;
}

}  // namespace

std::string python_float(double value) { return shortest_text(value); }
std::string numpy_float32(float value) { return shortest_text(value); }

std::string yaml_float(double value) {
  if (std::isnan(value)) return ".nan";
  if (std::isinf(value)) return value > 0 ? ".inf" : "-.inf";
  std::string text = python_float(value);
  if (const size_t exponent = text.find('e'); exponent != std::string::npos && text.find('.') == std::string::npos) {
    text.insert(exponent, ".0");
  }
  return text;
}

std::optional<double> parse_python_float(std::string_view text) {
  const std::string number = without_underscores(stripped(text));
  const bool has_sign = number.starts_with('+') || number.starts_with('-');
  const char* const begin = number.data() + has_sign;
  const char* const end = number.data() + number.size();
  if (begin == end || *begin == '-' || end[-1] == ')') return std::nullopt;  // the last: nan(...) of from_chars
  double value = 0;
  const auto [stop, error] = std::from_chars(begin, end, value);
  if (stop != end) return std::nullopt;
  if (error == std::errc::result_out_of_range) {
    value = std::strtod(begin, nullptr);  // 0 or infinity, as there
  } else if (error != std::errc{}) {
    return std::nullopt;
  }
  return number.front() == '-' ? -value : value;
}

}  // namespace canine
