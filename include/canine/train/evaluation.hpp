#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "canine/decode/flat.hpp"
#include "canine/dist/process_group.hpp"
#include "canine/model/mixer.hpp"
#include "canine/objective/metrics.hpp"
#include "canine/train/options.hpp"
#include "canine/train/rank_batches.hpp"

namespace canine {

/// What a model says of rows that follow each other in a data set. B rows, L label positions, k classes; CPU tensors.
struct EvaluatedBatch {
  int64_t first_row = 0;
  at::Tensor tokens;         ///< [B, L] int64, decoded greedily
  at::Tensor probabilities;  ///< [B, L] float32, of each token
  FlatTopK likeliest;        ///< [B, k] each, of the flat head
  at::Tensor hits;           ///< [B, MetricSums::kNumHits] int64, teacher-forced; 0 for rows without labels
  at::Tensor sums;           ///< MetricSums::sums() of these rows, those without labels left out

  int64_t size() const { return tokens.size(0); }
};

/// Predictions and teacher-forced metrics for labelled rows, by all ranks of a group.
///
/// Every row counts once (RankBatches) and shares its batch with the same rows on any number of ranks W. One pass
/// through the encoder serves greedy decoding, flat head and teacher-forced metrics. These leave out rows without
/// labels (Dataset::has_labels), which a decoder that is given the labels cannot be given. After each round of W
/// batches the ranks exchange what they found, and rank 0 hands it on in file order; so results do not depend on W, bit
/// for bit if each rank computes with as many threads.
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

  int64_t num_batches() const { return batches_.size(); }

  /// `receive` gets every batch once, in order, on rank 0. Returns the teacher-forced metrics on all ranks; their
  /// `loss` weighs both parts alike. A collective; other ranks wait for rank 0's receiver.
  ValidationMetrics run(const Receiver& receive);

 private:
  EvaluatedBatch evaluate(const Batch& batch);
  at::Tensor rows_with_labels(const Batch& batch) const;
  std::string packed(const EvaluatedBatch& batch) const;
  EvaluatedBatch unpacked(const std::string& bytes, int64_t batch) const;

  const Dataset& data_;
  Mixer model_;
  c10::Device device_;
  std::shared_ptr<ProcessGroup> group_;
  Options options_;
  RankBatches batches_;
};

}  // namespace canine
