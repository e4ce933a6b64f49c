#pragma once

#include <cstdint>

namespace canine {

/// Which epoch, and which global batch of it, a step is: epochs have the same number of steps from `origin_step` on,
/// where epoch `origin_epoch` starts.
///
/// The origin is 0 unless a run went on with another global batch (then it may lie below 0, as if all steps had been of
/// that size) or with a number of processes that gives epochs another number of steps: sampling
/// that drops the last num_rows % W rows (sampler.hpp) can leave nothing of an epoch's last batch. Global batch i of an
/// epoch has the same rows for every number of processes with the same global batch size, but the last one, which
/// lacks the dropped rows (W - 1 at most).
struct EpochClock {
  int64_t steps_per_epoch = 1;
  int64_t origin_step = 0;
  int64_t origin_epoch = 0;

  /// Of step `step`, which counts from 0; the next one to do after `step` steps.
  int64_t epoch_of(int64_t step) const {
    return steps_per_epoch == 0 ? 0 : origin_epoch + (step - origin_step) / steps_per_epoch;
  }
  int64_t batch_of(int64_t step) const { return steps_per_epoch == 0 ? 0 : (step - origin_step) % steps_per_epoch; }

  /// Steps of a run of `num_epochs` epochs.
  int64_t total_steps(int64_t num_epochs) const {
    return origin_step + (num_epochs > origin_epoch ? num_epochs - origin_epoch : 0) * steps_per_epoch;
  }

  /// A run whose global batches had one number of rows and now have another.
  struct BatchRows {
    int64_t before = 1;
    int64_t now = 1;
  };

  /// The clock of a run with epochs of `steps` steps that goes on from `step` in the same epoch, at the first batch
  /// with a row that was not seen: with the same global batch none is seen twice, else fewer than one batch are.
  EpochClock continued(int64_t step, int64_t steps, const BatchRows& rows) const;
};

}  // namespace canine
