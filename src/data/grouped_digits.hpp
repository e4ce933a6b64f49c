#pragma once

#include <cstdint>
#include <string>

namespace canine {

/// A count for people: 1234567 -> "1,234,567".
inline std::string grouped_digits(int64_t count) {
  std::string text = std::to_string(count);
  const int64_t first = count < 0 ? 1 : 0;
  for (int64_t place = static_cast<int64_t>(text.size()) - 3; place > first; place -= 3) {
    text.insert(static_cast<size_t>(place), 1, ',');
  }
  return text;
}

}  // namespace canine
