#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "canine/data/loader.hpp"
#include "canine/decode/flat.hpp"
#include "canine/dist/process_group.hpp"
#include "canine/model/mixer.hpp"
#include "canine/objective/metrics.hpp"
#include "canine/train/options.hpp"

namespace canine {

/// What a model says of rows that follow each other in a data set. B rows, L label positions, k classes; CPU tensors.
struct EvaluatedBatch {
  int64_t first_row = 0;
  at::Tensor tokens;         ///< [B, L] int64, decoded greedily
  at::Tensor probabilities;  ///< [B, L] float32, of each token
  FlatTopK likeliest;        ///< [B, k] each, of the flat head
  at::Tensor sums;           ///< MetricSums::sums() of these rows

  int64_t size() const { return tokens.size(0); }
};

/// Predictions and teacher-forced metrics for labelled rows, by all ranks of a group.
///
/// Rows are cut into batches as in Validation: in file order, batch k belongs to rank k mod W, so every row counts once
/// and shares its batch with the same rows on any number of ranks. One pass through the encoder serves greedy decoding,
/// flat head and teacher-forced metrics. After each round of W batches the ranks exchange what they found, and rank 0
/// hands it on in file order; so results do not depend on W, bit for bit if each rank computes with as many threads.
class Evaluation {
 public:
  struct Options {
    BatchLoader::Options loader;  ///< batch_size fixes the batches
    LossLayout layout;
    int64_t top_k = kFlatTopK;  ///< classes of the flat head per row; at most as many as it has
    Precision precision = Precision::kFp32;
  };
  using Receiver = std::function<void(const EvaluatedBatch&)>;

  /// `data` and `model` (on `device`) must outlive it.
  Evaluation(const Dataset& data, Mixer model, c10::Device device, std::shared_ptr<ProcessGroup> group,
             const Options& options);

  int64_t num_batches() const { return num_batches_; }

  /// `receive` gets every batch once, in order, on rank 0. Returns the teacher-forced metrics on all ranks; their
  /// `loss` weighs both parts alike. A collective; other ranks wait for rank 0's receiver.
  ValidationMetrics run(const Receiver& receive);

 private:
  int64_t rows_of(int64_t batch) const;
  EvaluatedBatch evaluate(const Batch& batch);
  std::string packed(const EvaluatedBatch& batch) const;
  EvaluatedBatch unpacked(const std::string& bytes, int64_t batch) const;

  Mixer model_;
  c10::Device device_;
  std::shared_ptr<ProcessGroup> group_;
  Options options_;
  int64_t num_rows_ = 0;
  int64_t num_batches_ = 0;
  BatchLoader loader_;  // batches rank, rank + W, ...
};

}  // namespace canine
