#include "canine/core/readable.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace canine {

std::string format_count(int64_t count) {
  std::string text = std::to_string(count);
  const size_t first_digit = count < 0 ? 1 : 0;
  for (size_t i = text.size(); i > first_digit + 3; i -= 3) text.insert(i - 3, 1, ',');
  return text;
}

std::string format_duration(double seconds) {
  if (!std::isfinite(seconds)) return "?";
  const int64_t whole = std::llround(std::max(0.0, seconds));
  const int64_t hours = whole / 3600;
  const int64_t minutes = whole / 60 % 60;
  if (hours > 0) return fmt::format("{}:{:02}:{:02}", hours, minutes, whole % 60);
  return fmt::format("{:02}:{:02}", minutes, whole % 60);
}

std::string counted(int64_t count, std::string_view noun, std::string_view plural_end) {
  return fmt::format("{} {}{}", format_count(count), noun, count == 1 ? "" : plural_end);
}

}  // namespace canine
