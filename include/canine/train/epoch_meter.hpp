#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>

#include "canine/train/run_state.hpp"

namespace canine {

/// Loss and times of the running epoch. Losses are summed on the device; only read() and mean_loss() wait for it.
class EpochMeter {
 public:
  explicit EpochMeter(c10::Device device);

  void reset();

  /// Adds a batch loss (scalar), unless `skipped` (scalar 0/1) says that its update was left out.
  void add_loss(const at::Tensor& loss, const at::Tensor& skipped, int64_t rows);
  void add_time(double batch_seconds, double data_seconds);

  /// All sums; waits for the device.
  EpochSums read() const;
  void restore(const EpochSums& sums);

  /// Row-weighted mean of the batch losses, 0 if there were none.
  double mean_loss() const;

  /// Rows per second of this process since its start or the epoch's.
  double samples_per_second() const;

 private:
  at::Tensor loss_and_rows_;  // [2] float64
  EpochSums times_;           // batches and seconds; loss and rows live on the device
  double seen_rows_ = 0;      // by this process, skipped or not
  double seen_seconds_ = 0;
};

}  // namespace canine
