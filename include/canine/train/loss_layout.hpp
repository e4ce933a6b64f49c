#pragma once

#include "canine/objective/mixer_loss.hpp"
#include "canine/text/formatter.hpp"

namespace canine {

/// Blocks of the label sequences that `formatter` writes, as the objective sees them.
inline LossLayout loss_layout(const Formatter& formatter) {
  const BlockLayout layout = formatter.layout();
  return {.num_blocks = layout.num_blocks, .block_size = layout.block_size, .pad_index = LabelIndex::kPad};
}

}  // namespace canine
