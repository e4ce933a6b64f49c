#include "canine/optim/schedule.hpp"

#include <algorithm>

#include "canine/core/errors.hpp"

namespace canine {

LinearSchedule LinearSchedule::with_share(int64_t total_steps, double warmup_share) {
  if (!(warmup_share >= 0 && warmup_share <= 1)) {
    throw UsageError("share of warm-up steps: expected a number in [0, 1], got {}", warmup_share);
  }
  return {.warmup_steps = static_cast<int64_t>(static_cast<double>(total_steps) * warmup_share),
          .total_steps = total_steps};
}

double LinearSchedule::factor(int64_t step) const {
  const auto ratio = [](int64_t part, int64_t whole) {
    return static_cast<double>(part) / static_cast<double>(std::max<int64_t>(1, whole));
  };
  if (step < warmup_steps) return ratio(step, warmup_steps);
  return std::max(0.0, ratio(total_steps - step, total_steps - warmup_steps));
}

}  // namespace canine
