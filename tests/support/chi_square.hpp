#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

namespace canine::testing {

/// Normal score of Pearson's statistic for counts that should occur in proportion to `weights` (Wilson and Hilferty's
/// cube-root approximation). With fixed seeds a right generator stays below 4; a wrong probability is far above.
inline double chi_square_score(std::span<const int64_t> counts, std::span<const double> weights) {
  double total = 0;
  double sum = 0;
  for (const int64_t count : counts) total += static_cast<double>(count);
  for (const double weight : weights) sum += weight;
  double statistic = 0;
  int degrees = -1;
  for (size_t i = 0; i < counts.size(); ++i) {
    const double expected = total * weights[i] / sum;
    const double difference = static_cast<double>(counts[i]) - expected;
    if (expected == 0) {
      if (counts[i] != 0) return HUGE_VAL;
      continue;
    }
    statistic += difference * difference / expected;
    ++degrees;
  }
  if (degrees < 1) return 0;
  const double spread = 2.0 / (9.0 * degrees);
  return (std::cbrt(statistic / degrees) - (1 - spread)) / std::sqrt(spread);
}

}  // namespace canine::testing
