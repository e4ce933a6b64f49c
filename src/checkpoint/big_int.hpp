#pragma once

#include <string>
#include <string_view>

namespace canine {

/// Decimal text of a little-endian two's complement number of any length, as Python's pickles hold ints.
std::string decimal_of_bytes(std::string_view bytes);

/// The shortest such bytes of a decimal text; empty for "0". Throws InternalError for a text that is no whole number.
std::string bytes_of_decimal(std::string_view decimal);

}  // namespace canine
