#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "canine/model/decoder.hpp"
#include "canine/model/mixer.hpp"

namespace canine {

/// Label sequences of one batch. B rows, L label positions, C flat classes.
struct GreedyResult {
  at::Tensor tokens;         ///< [B, L] int64, the first is BOS
  at::Tensor probabilities;  ///< [B, L] float32, of each chosen token among all V; the first is 1
  at::Tensor flat_logits;    ///< [B, C] of the flat head, from the same pass through the encoder
  DecoderMemory memory;      ///< what the decoder saw of the characters, for order_invariant_confidence
};

/// Writes `length` label positions for every row: from BOS on, always the likeliest of all V tokens (the first of
/// equals). There is no early end, as in the Python program. Each position costs one position's work, because keys and
/// values of earlier positions and of the characters are kept. Waits for nothing; dropout is off meanwhile.
/// input_ids, attention_mask [B, T] int64. Throws UsageError unless 1 <= length <= decoder_positions + 1.
/// Source: histocc/utils/decoder.py (mixer_greedy_decode).
GreedyResult greedy_decode(MixerImpl& mixer, const at::Tensor& input_ids, const at::Tensor& attention_mask,
                           int64_t length);

}  // namespace canine
