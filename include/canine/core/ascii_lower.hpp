#pragma once

#include <string>
#include <string_view>

namespace canine {

/// The text with A to Z in lower case, whatever the locale; other bytes stay.
inline std::string ascii_lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  return lower;
}

}  // namespace canine
