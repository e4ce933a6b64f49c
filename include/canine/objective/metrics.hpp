#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

#include "canine/objective/mixer_loss.hpp"

namespace canine {

/// Means over validation rows, in the units of logs.csv.
struct ValidationMetrics {
  double loss = 0;
  double loss_linear = 0;
  double loss_seq2seq = 0;
  double seq_acc = 0;    ///< 0-100
  double token_acc = 0;  ///< 0-100
  double flat_acc = 0;   ///< 0-1
  double rows = 0;
};

/// Teacher-forced hits of some rows, counted. They are exact in any order of adding, so groups of rows may have their
/// own. Of the loss there is no such thing: the decoder's is one of a whole batch (objective/mixer_loss.hpp).
struct HitCounts {
  int64_t rows = 0;
  int64_t tokens = 0;  ///< of all rows
  int64_t right_sequences = 0;
  int64_t right_tokens = 0;
  int64_t right_flat = 0;  ///< rows whose flat vector is right

  /// Adds a row of `num_tokens` whose hits (MetricSums::add) are these.
  void add(std::span<const int64_t> hits, int64_t num_tokens);

  // 0 to 1, and 0 where there are no rows.
  double sequence_accuracy() const;
  double token_accuracy() const;
  double flat_accuracy() const;
};

/// Sums over rows, kept on the device in float64 so that only the end of an evaluation waits for it. Sums of several
/// processes can be added (one all-reduce of `sums()`).
class MetricSums {
 public:
  static constexpr int64_t kNumSums = 8;

  explicit MetricSums(c10::Device device);

  static constexpr int64_t kNumHits = 3;

  /// Adds one batch: teacher-forced argmax accuracies (docs of the Python program, data of model.md) and the three
  /// losses weighted by the batch's rows. Returns the hits of each row, [B, kNumHits] int64 on the device: 1 for a
  /// right sequence, the number of right tokens, 1 for a right flat vector.
  at::Tensor add(const at::Tensor& sequence_logits, const at::Tensor& flat_logits, const at::Tensor& targets_seq2seq,
                 const at::Tensor& targets_linear, const LossLayout& layout, double seq2seq_weight);

  /// [kNumSums] float64: rows, loss * rows, linear * rows, seq2seq * rows, then counts, which are exact in any order of
  /// adding: right sequences, right tokens, right flat vectors, tokens.
  at::Tensor& sums() { return sums_; }

  /// Means; waits for the device. All zero if there were no rows.
  ValidationMetrics means() const;

 private:
  at::Tensor sums_;
};

}  // namespace canine
