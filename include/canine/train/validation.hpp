#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <memory>

#include "canine/data/loader.hpp"
#include "canine/dist/process_group.hpp"
#include "canine/model/mixer.hpp"
#include "canine/objective/metrics.hpp"

namespace canine {

/// Teacher-forced metrics over a validation set, by all ranks of a group.
///
/// Rows are cut into batches in file order, whatever the number of ranks, and batch k belongs to rank k mod W (a rank
/// may have none), so every row counts once. Sums and counts in float64, one all-reduce at the end: counts and
/// accuracies are equal for any W, losses but for rounding. In float32 whatever the precision of training, as the
/// Python program validates. Works on the bare model, which no gradient collective hears of.
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

  int64_t num_batches() const { return num_batches_; }

  /// Metrics of the first `max_batches` batches (-1 = all), the same on every rank. A collective. The model
  /// is in evaluation mode meanwhile. Throws InternalError if the rows that were counted are not those that should be.
  ValidationMetrics run(int64_t max_batches = -1);

 private:
  int64_t rows_in(int64_t batches) const;

  Mixer model_;
  c10::Device device_;
  std::shared_ptr<ProcessGroup> group_;
  Options options_;
  int64_t num_rows_ = 0;
  int64_t num_batches_ = 0;
  BatchLoader loader_;  // batches rank, rank + W, ...
};

}  // namespace canine
