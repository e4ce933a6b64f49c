#include "canine/text/hisco_codes.hpp"

#include <algorithm>

#include "canine/core/errors.hpp"

namespace canine {
namespace {

constexpr std::string_view kCodes[] = {
#include "hisco_codes.inc"
};
static_assert(std::size(kCodes) == kNumHiscoCodes);

constexpr const std::string_view* kFirstOfDigits = kCodes + 3;
static_assert(std::is_sorted(kFirstOfDigits, std::end(kCodes)));

}  // namespace

std::string_view hisco_code(int64_t index) {
  if (index < 0 || index >= kNumHiscoCodes) {
    throw InternalError("HISCO has the classes 0 to {}, there is no {}", kNumHiscoCodes - 1, index);
  }
  return kCodes[index];
}

int64_t find_hisco_code(std::string_view code) {
  const std::string_view* found = std::find(kCodes, kFirstOfDigits, code);
  if (found == kFirstOfDigits) found = std::lower_bound(kFirstOfDigits, std::end(kCodes), code);
  return found != std::end(kCodes) && *found == code ? found - kCodes : -1;
}

}  // namespace canine
