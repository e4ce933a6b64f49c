#pragma once

#include <cstdint>
#include <string_view>

namespace canine {

/// Classes of HISCO as the Python program numbers them: 0, 1, 2 are the special codes "-3", "-2", "-1", then come 1916
/// codes of five digits in ascending order. The table is made by scripts/make_hisco_codes.
inline constexpr int64_t kNumHiscoCodes = 1919;

/// Code of a class: "01110". Throws InternalError outside [0, kNumHiscoCodes).
std::string_view hisco_code(int64_t index);

/// Class of a code as hisco_code gives it, or -1 ("1110" is no code).
int64_t find_hisco_code(std::string_view code);

}  // namespace canine
