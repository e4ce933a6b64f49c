#include "canine/objective/metrics.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

namespace canine {
namespace {

/// [B, j]: most tokens of target block j that one predicted block has in common with it.
at::Tensor tokens_hit(const at::Tensor& sequence_logits, const at::Tensor& targets_seq2seq, const LossLayout& layout) {
  const auto blocks = [&](const at::Tensor& tokens) {
    return tokens.reshape({tokens.size(0), layout.num_blocks, layout.block_size});
  };
  const at::Tensor predicted = blocks(sequence_logits.narrow(1, 0, layout.num_tokens()).argmax(2));  // [B, c, t]
  const at::Tensor target = blocks(targets_seq2seq.narrow(1, 1, layout.num_tokens()));               // [B, j, t]
  return predicted.unsqueeze(2).eq(target.unsqueeze(1)).sum(3).amax(1);
}

double ratio(int64_t part, int64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

void HitCounts::add(std::span<const int64_t> hits, int64_t num_tokens) {
  ++rows;
  tokens += num_tokens;
  right_sequences += hits[0];
  right_tokens += hits[1];
  right_flat += hits[2];
}

double HitCounts::sequence_accuracy() const { return ratio(right_sequences, rows); }
double HitCounts::token_accuracy() const { return ratio(right_tokens, tokens); }
double HitCounts::flat_accuracy() const { return ratio(right_flat, rows); }

MetricSums::MetricSums(c10::Device device)
    : sums_(at::zeros({kNumSums}, at::TensorOptions(at::kDouble).device(device))) {}

at::Tensor MetricSums::add(const at::Tensor& sequence_logits, const at::Tensor& flat_logits,
                           const at::Tensor& targets_seq2seq, const at::Tensor& targets_linear,
                           const LossLayout& layout, double seq2seq_weight) {
  const at::NoGradGuard no_grad;
  const MixerLoss loss =
      mixer_loss(sequence_logits, flat_logits, targets_seq2seq, targets_linear, layout, seq2seq_weight);
  const at::Tensor hit = tokens_hit(sequence_logits, targets_seq2seq, layout);  // [B, blocks]
  const at::Tensor sequences_right = hit.eq(layout.block_size).all(1);
  // Through sigmoid, as the Python program: a logit so small that its probability rounds to 0.5 is a 0.
  const at::Tensor flat_predicted = flat_logits.to(at::kFloat).sigmoid().gt(0.5);
  const at::Tensor flat_right = flat_predicted.eq(targets_linear.gt(0.5)).all(1);

  const int64_t rows = targets_seq2seq.size(0);
  const at::Tensor hits = at::stack({sequences_right.to(at::kLong), hit.sum(1), flat_right.to(at::kLong)}, /*dim=*/1);
  const at::Tensor total = hits.to(at::kDouble).sum(0);
  const auto weighted = [rows](const at::Tensor& mean) { return mean.to(at::kDouble) * rows; };
  sums_ += at::stack({at::scalar_tensor(rows, sums_.options()), weighted(loss.total), weighted(loss.linear),
                      weighted(loss.seq2seq), total[0], total[1], total[2],
                      at::scalar_tensor(rows * layout.num_tokens(), sums_.options())});
  return hits;
}

ValidationMetrics MetricSums::means() const {
  const at::Tensor host = sums_.cpu();
  const double* sums = host.const_data_ptr<double>();
  ValidationMetrics metrics;
  metrics.rows = sums[0];
  if (metrics.rows == 0) return metrics;
  const auto mean = [&](int index) { return sums[index] / metrics.rows; };
  metrics.loss = mean(1);
  metrics.loss_linear = mean(2);
  metrics.loss_seq2seq = mean(3);
  metrics.seq_acc = 100 * sums[4] / metrics.rows;
  metrics.token_acc = 100 * sums[5] / sums[7];
  metrics.flat_acc = mean(6);
  return metrics;
}

}  // namespace canine
