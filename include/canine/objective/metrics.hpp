#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

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

/// Sums over rows, kept on the device in float64 so that only the end of an evaluation waits for it. Sums of several
/// processes can be added (one all-reduce of `sums()`).
class MetricSums {
 public:
  static constexpr int64_t kNumSums = 8;

  explicit MetricSums(c10::Device device);

  /// Adds one batch: teacher-forced argmax accuracies (docs of the Python program, data of model.md) and the three
  /// losses weighted by the batch's rows.
  void add(const at::Tensor& sequence_logits, const at::Tensor& flat_logits, const at::Tensor& targets_seq2seq,
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
