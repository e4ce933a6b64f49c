#pragma once

#include <cstdint>

namespace canine {

/// Linear warm-up to the peak rate, then linear fall to 0: a pure function of the step, so resuming needs no state.
/// Source: transformers.get_linear_schedule_with_warmup.
struct LinearSchedule {
  int64_t warmup_steps = 0;
  int64_t total_steps = 1;

  /// Warm-up steps as the Python program counts them: trunc(total * share). Throws UsageError for a share outside
  /// [0, 1].
  static LinearSchedule with_share(int64_t total_steps, double warmup_share);

  /// Factor of the peak rate for the optimizer step with this index (0 = first step): s / max(1, warmup) while
  /// s < warmup, then max(0, (total - s) / max(1, total - warmup)). With warm-up the first step has rate 0.
  double factor(int64_t step) const;
};

}  // namespace canine
