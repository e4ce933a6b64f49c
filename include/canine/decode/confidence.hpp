#pragma once

#include <ATen/core/Tensor.h>

#include "canine/decode/greedy.hpp"
#include "canine/model/mixer.hpp"
#include "canine/text/formatter.hpp"

namespace canine {

// How sure the model is of a greedy prediction. Both values cover the whole sequence, as in the Python program: also
// the padding behind the codes and the last position, which training leaves out (docs/differences.md D36).

/// Product of all L stored probabilities: [B] float64.
at::Tensor sequence_confidence(const GreedyResult& result);

/// Rows with more codes keep the product: the orders of five are 120.
inline constexpr int64_t kMaxReorderedCodes = 5;

/// Probability that the model writes the codes of the row in whichever order: [B] float64. The sum over all orders of
/// the blocks that hold a code of the product along the sequence in that order; all other positions stay as they were
/// written. Equal codes give no further order, so that the orders exclude each other and the sum is at most 1; with one
/// code it is the product above.
///
/// The Python program means the same, but cuts each order to its first code before it adds up, and adds undefined
/// memory from three codes on (docs/differences.md D38).
///
/// `result` is of this mixer and has the formatter's sequence length. Each further order costs one pass of the decoder
/// over a sequence, without reading the characters again. Dropout is off meanwhile.
at::Tensor order_invariant_confidence(MixerImpl& mixer, const GreedyResult& result, const Formatter& formatter);

}  // namespace canine
