#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdint>
#include <string>
#include <vector>

#include "canine/core/readable.hpp"

namespace canine {

/// The first few of `count` cases, each in a line of its own below a sentence, and how many more there are.
inline std::string examples_of(const std::vector<std::string>& examples, int64_t count) {
  const auto more = count - static_cast<int64_t>(examples.size());
  return fmt::format("\n  {}{}", fmt::join(examples, "\n  "),
                     more > 0 ? fmt::format("\n  and {} more", format_count(more)) : "");
}

/// "1 of 5 rows has", "1,000 of 2,000 rows have".
inline std::string rows_have(int64_t count, int64_t all) {
  return fmt::format("{} of {} {}", format_count(count), counted(all, "row"), count == 1 ? "has" : "have");
}

}  // namespace canine
