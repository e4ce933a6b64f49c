#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace canine {

/// A count for people: "1,234,567".
std::string format_count(int64_t count);

/// "1 row", "1,234 rows".
std::string counted(int64_t count, std::string_view noun, std::string_view plural_end = "s");

/// A time for people: "1:02:03" or "02:03"; "?" if not finite.
std::string format_duration(double seconds);

}  // namespace canine
