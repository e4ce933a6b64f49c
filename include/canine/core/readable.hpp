#pragma once

#include <cstdint>
#include <string>

namespace canine {

/// A count for people: "1,234,567".
std::string format_count(int64_t count);

/// A time for people: "1:02:03" or "02:03"; "?" if not finite.
std::string format_duration(double seconds);

}  // namespace canine
