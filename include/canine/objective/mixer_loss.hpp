#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

namespace canine {

/// Blocks of a label sequence as the objective sees them.
struct LossLayout {
  int64_t num_blocks = 1;
  int64_t block_size = 5;
  int64_t pad_index = 1;

  int64_t num_tokens() const { return num_blocks * block_size; }
};

/// Scalars on the device of the logits: float32, or float64 for float64 logits. Nothing here waits for the device.
struct MixerLoss {
  at::Tensor total;  ///< w * seq2seq + (1 - w) * linear
  at::Tensor seq2seq;
  at::Tensor linear;
};

/// Block-order-invariant sequence loss plus binary cross-entropy of the flat head.
/// sequence_logits [B, S, V], flat_logits [B, C], targets_seq2seq [B, L] int64 (S = num_tokens + 1, L = S + 1),
/// targets_linear [B, C]. Logits of half precision are cast to float32 once. Throws InternalError for other shapes.
/// `filled_blocks`: K of order_invariant_loss; nullopt = that of these rows.
/// Source: histocc/loss/{order_invariant,mixer}.py of the Python program.
MixerLoss mixer_loss(const at::Tensor& sequence_logits, const at::Tensor& flat_logits,
                     const at::Tensor& targets_seq2seq, const at::Tensor& targets_linear, const LossLayout& layout,
                     double seq2seq_weight, std::optional<int64_t> filled_blocks = std::nullopt);

/// The sequence part alone: order term + padding term.
///
/// Row i has k_i codes: its first PAD token lies in block k_i (no PAD, or PAD first: k_i = num_blocks). Predicted block
/// c is a candidate of row i iff c < k_i.
///   order term    mean over target blocks j < K and rows of the smallest cross-entropy (PAD targets count 0) between
///                 target block j and a candidate; K = number of leading target blocks that some row fills
///   padding term  cross-entropy of the non-candidates with PAD, summed over blocks, / (B * num_blocks)
/// `filled_blocks` gives K where these rows are a part of a larger batch, so that the row-weighted mean of the parts'
/// losses is the loss of the whole; it must be no smaller than the K of these rows.
/// The logits of the last position (EOS) get no loss. Gradients flow through the smallest candidate only. A batch whose
/// first target block is empty in every row has K = 0: its order term is 0 (the Python program divides by zero).
at::Tensor order_invariant_loss(const at::Tensor& sequence_logits, const at::Tensor& targets_seq2seq,
                                const LossLayout& layout, std::optional<int64_t> filled_blocks = std::nullopt);

/// Mean binary cross-entropy with logits over all B * C entries.
at::Tensor flat_loss(const at::Tensor& flat_logits, const at::Tensor& targets_linear);

}  // namespace canine
