#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "canine/dist/process_group.hpp"
#include "canine/model/mixer.hpp"
#include "canine/objective/metrics.hpp"
#include "canine/train/rank_batches.hpp"

namespace canine {

/// Teacher-forced metrics over a validation set, by all ranks of a group.
///
/// Every row counts once (RankBatches). Sums and counts in float64, one all-reduce at the end: counts and accuracies
/// are equal for any number of ranks, losses but for rounding. Ranks wait for slower ones as long as these get on from
/// batch to batch. In float32 whatever the precision of training, as the Python program validates. Works on the bare
/// model, which no gradient collective hears of.
class Validation {
 public:
  struct Options {
    BatchLoader::Options loader;  ///< batch_size fixes the batches
    LossLayout layout;
    double seq2seq_weight = 0.1;
  };

  /// `data` and `model` (on `device`) must outlive it.
  Validation(const Dataset& data, Mixer model, c10::Device device, std::shared_ptr<ProcessGroup> group,
             const Options& options);

  int64_t num_batches() const { return batches_.size(); }

  /// Metrics of the first `max_batches` batches (-1 = all), the same on every rank. A collective. The model
  /// is in evaluation mode meanwhile. Throws InternalError if the rows that were counted are not those that should be.
  ValidationMetrics run(int64_t max_batches = -1);

  /// The same over all batches, but nullopt if the ranks have agreed on the way that it shall end, because
  /// `stop_signal` (the number of a signal, 0 = none) is not 0 on one of them.
  std::optional<ValidationMetrics> run_unless_stopped(const std::function<int()>& stop_signal);

 private:
  std::optional<ValidationMetrics> pass(int64_t batches, const std::function<int()>& stop_signal);
  void add_batch(int64_t index, int64_t batches, MetricSums& sums);
  ValidationMetrics join_ranks(MetricSums& sums, int64_t batches);

  Mixer model_;
  c10::Device device_;
  std::shared_ptr<ProcessGroup> group_;
  Options options_;
  RankBatches batches_;
};

}  // namespace canine
