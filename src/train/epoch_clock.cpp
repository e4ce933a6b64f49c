#include "canine/train/epoch_clock.hpp"

namespace canine {

EpochClock EpochClock::continued(int64_t step, int64_t steps, const BatchRows& rows) const {
  if (steps == steps_per_epoch && rows.before == rows.now) return *this;
  const int64_t epoch = epoch_of(step);
  const int64_t batch = batch_of(step) * rows.before / rows.now;
  // All that the shorter epoch has is done: the next one starts now.
  if (batch >= steps) return {steps, step, epoch + 1};
  return {steps, step - batch, epoch};
}

}  // namespace canine
