#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace canine {

/// Rows as the model takes them. B rows, T characters, L label positions, C flat classes. CPU tensors, in pinned memory
/// if the loader was asked for it.
struct Batch {
  at::Tensor input_ids;        ///< [B, T] int64, Unicode code points, 0 = padding
  at::Tensor attention_mask;   ///< [B, T] int64, 1 = real character
  at::Tensor targets_seq2seq;  ///< [B, L] int64, label indices: BOS, blocks, EOS
  at::Tensor targets_linear;   ///< [B, C] float32, 0 or 1
  std::vector<int64_t> rows;   ///< positions in the data set
  int64_t size() const { return static_cast<int64_t>(rows.size()); }
};

/// How rows of different length share a batch.
enum class Padding {
  kReference,  ///< every row padded to max_len; the decoder's cross-attention sees padding, as in the Python program
  kMask,       ///< padding hidden from cross-attention, batches trimmed to 4 * ceil(n / 4) + 8 characters
};

/// Width T of a batch whose longest row has `longest` characters.
int64_t padded_width(Padding padding, int64_t longest, int64_t max_len);

}  // namespace canine
