#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "canine/dist/process_group.hpp"
#include "canine/train/run_state.hpp"

namespace canine {

/// Loss and times of the running epoch, of all processes of a job. Each process adds its own; losses are summed on the
/// device, and only read() waits for it and for the others.
class EpochMeter {
 public:
  /// What all processes have added; the same on every rank.
  struct Reading {
    EpochSums sums;                   ///< losses and rows of all ranks, times as means over ranks
    double samples_per_second = 0;    ///< of the job, since its start or the epoch's
    std::vector<double> own_seconds;  ///< by rank: a step's time before the exchange of gradients, since the last line
    double peak_allocated = 0;        ///< GPU memory in bytes, the largest of all ranks; 0 on CPUs
    double peak_reserved = 0;

    /// Row-weighted mean of the batch losses; NaN if there were none, or none that was finite.
    double mean_loss() const { return sums.loss / sums.rows; }
    double batch_seconds() const {
      return sums.batches > 0 ? sums.batch_seconds / static_cast<double>(sums.batches) : 0.0;
    }
    double data_seconds() const {
      return sums.batches > 0 ? sums.data_seconds / static_cast<double>(sums.batches) : 0.0;
    }
  };

  EpochMeter(c10::Device device, std::shared_ptr<ProcessGroup> group);

  void reset();

  /// Adds a batch loss (scalar), unless `skipped` (scalar 0/1) says that its update was left out.
  void add_loss(const at::Tensor& loss, const at::Tensor& skipped, int64_t rows);
  /// Whole step, waiting for data, and what this process took before it met the others.
  void add_time(double batch_seconds, double data_seconds, double own_seconds);

  /// A collective; waits for the device.
  Reading read() const;
  /// Starts the interval of Reading::own_seconds anew.
  void start_interval();
  /// Goes on from a stored reading. With the number of processes that wrote it, later sums are equal bit by bit.
  void restore(const EpochSums& sums);

 private:
  c10::Device device_;
  std::shared_ptr<ProcessGroup> group_;
  at::Tensor loss_and_rows_;  // [2] float64, of this process
  EpochSums times_;           // batches and seconds; loss and rows live on the device
  double seen_rows_ = 0;      // by this process, skipped or not
  double seen_seconds_ = 0;
  double own_seconds_ = 0;  // of the interval
  double own_steps_ = 0;
};

}  // namespace canine
