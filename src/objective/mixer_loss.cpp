#include "canine/objective/mixer_loss.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Reduction.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/where.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>

#include "canine/core/errors.hpp"

namespace canine {
namespace {

/// Losses are computed in float32, in float64 only for float64 logits.
at::ScalarType loss_dtype(const at::Tensor& logits) {
  return logits.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

void check_shapes(const at::Tensor& logits, const at::Tensor& targets, const LossLayout& layout) {
  const int64_t tokens = layout.num_tokens();
  if (logits.dim() == 3 && targets.dim() == 2 && logits.size(0) == targets.size(0) && logits.size(1) == tokens + 1 &&
      targets.size(1) == tokens + 2) {
    return;
  }
  throw InternalError(
      "sequence loss: expected logits [B, {}, V] and targets [B, {}] for {} blocks of {} tokens, got {} and {}",
      tokens + 1, tokens + 2, layout.num_blocks, layout.block_size, fmt::join(logits.sizes(), "x"),
      fmt::join(targets.sizes(), "x"));
}

/// [B, c] bool: predicted block c is beyond the codes of the row.
at::Tensor excluded_candidates(const at::Tensor& is_pad, const LossLayout& layout) {
  const at::Tensor first_pad = is_pad.to(at::kInt).argmax(1);  // 0 also if there is no PAD
  const at::Tensor num_codes =
      at::where(first_pad == 0, layout.num_blocks, first_pad.floor_divide(layout.block_size));  // [B]
  return at::arange(layout.num_blocks, num_codes.options()) >= num_codes.unsqueeze(1);
}

/// [B, c * t, j + 1] negative log-likelihoods: of token t of target block j at position t of predicted block c, and
/// (last column) of PAD there. One log-softmax and one gather for all pairs of blocks.
at::Tensor pairwise_nll(const at::Tensor& logits, const at::Tensor& blocks, const LossLayout& layout) {
  const int64_t rows = blocks.size(0);
  const int64_t num_blocks = layout.num_blocks;
  const at::Tensor tokens = blocks
                                .transpose(1, 2)  // [B, t, j]
                                .unsqueeze(1)
                                .expand({rows, num_blocks, layout.block_size, num_blocks})
                                .reshape({rows, layout.num_tokens(), num_blocks});
  const at::Tensor pad = at::full({1, 1, 1}, layout.pad_index, tokens.options());
  const at::Tensor index = at::cat({tokens, pad.expand({rows, layout.num_tokens(), 1})}, 2);
  // The index has one position less than the logits, which leaves out EOS without a copy.
  return -at::log_softmax(logits, 2, loss_dtype(logits)).gather(2, index);
}

/// Mean of the target blocks [j] before the first one that is empty in every row of pad_blocks [B, j, t].
at::Tensor mean_of_filled(const at::Tensor& blocks, const at::Tensor& pad_blocks) {
  const at::Tensor filled = pad_blocks.logical_not().any(2).any(0).to(at::kLong).cumprod(0);  // [j] 0/1
  return blocks.masked_fill(filled == 0, 0).sum().div(filled.sum().clamp_min(1));
}

at::Tensor mean_of_first(const at::Tensor& blocks, int64_t count) {
  return blocks.narrow(0, 0, count).sum().div(std::max<int64_t>(1, count));
}

}  // namespace

at::Tensor order_invariant_loss(const at::Tensor& sequence_logits, const at::Tensor& targets_seq2seq,
                                const LossLayout& layout, std::optional<int64_t> filled_blocks) {
  check_shapes(sequence_logits, targets_seq2seq, layout);
  if (filled_blocks && (*filled_blocks < 0 || *filled_blocks > layout.num_blocks)) {
    throw InternalError("sequence loss: expected 0 to {} filled blocks, got {}", layout.num_blocks, *filled_blocks);
  }
  const int64_t rows = targets_seq2seq.size(0);
  const int64_t num_blocks = layout.num_blocks;
  const int64_t block_size = layout.block_size;

  const at::Tensor targets = targets_seq2seq.narrow(1, 1, layout.num_tokens());
  const at::Tensor is_pad = targets == layout.pad_index;
  const at::Tensor pad_blocks = is_pad.reshape({rows, num_blocks, block_size});  // [B, j, t]
  const at::Tensor excluded = excluded_candidates(is_pad, layout);               // [B, c]
  const at::Tensor nll = pairwise_nll(sequence_logits, targets.reshape({rows, num_blocks, block_size}), layout)
                             .unflatten(1, {num_blocks, block_size});  // [B, c, t, j + 1]

  // Order term.
  const at::Tensor pairs =
      nll.narrow(3, 0, num_blocks)
          .masked_fill(pad_blocks.transpose(1, 2).unsqueeze(1), 0)
          .sum(2)
          .div(block_size)
          .masked_fill(excluded.unsqueeze(2), std::numeric_limits<double>::infinity());  // [B, c, j]
  const at::Tensor best = std::get<0>(pairs.min(1)).mean(0);                             // [j]
  const at::Tensor order = filled_blocks ? mean_of_first(best, *filled_blocks) : mean_of_filled(best, pad_blocks);

  // Padding term.
  const at::Tensor padding = nll.select(3, num_blocks).sum(2).div(block_size);  // [B, c]
  return order + padding.masked_fill(excluded.logical_not(), 0).sum().div(rows * num_blocks);
}

at::Tensor flat_loss(const at::Tensor& flat_logits, const at::Tensor& targets_linear) {
  const at::ScalarType dtype = loss_dtype(flat_logits);
  return at::binary_cross_entropy_with_logits(flat_logits.to(dtype), targets_linear.to(dtype), {}, {},
                                              at::Reduction::Mean);
}

MixerLoss mixer_loss(const at::Tensor& sequence_logits, const at::Tensor& flat_logits,
                     const at::Tensor& targets_seq2seq, const at::Tensor& targets_linear, const LossLayout& layout,
                     double seq2seq_weight, std::optional<int64_t> filled_blocks) {
  MixerLoss loss;
  loss.seq2seq = order_invariant_loss(sequence_logits, targets_seq2seq, layout, filled_blocks);
  loss.linear = flat_loss(flat_logits, targets_linear);
  loss.total = seq2seq_weight * loss.seq2seq + (1 - seq2seq_weight) * loss.linear;
  return loss;
}

}  // namespace canine
