#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "canine/decode/prefix_tree.hpp"
#include "canine/model/mixer.hpp"

namespace canine {

/// Limits of the memory that a search takes beyond its result.
struct SearchOptions {
  /// Decoder positions computed at once, over rows and prefixes; at least 1 (then one prefix of four rows at a time).
  int64_t max_positions = 2048;
};

/// Probability that a row's label sequence begins with each sequence of the tree: [B, sequences] float32, for HISCO the
/// probability that the first block is that code. The product of the softmax values along the sequence, from BOS on. Of
/// equal sequences the last one gets it. The others (which the Python program leaves undefined) and sequences without
/// tokens get 0, so that a row's sum is the probability that its first block is a known code.
///
/// Every prefix with a continuation is one position's work for the decoder (HISCO: 2,155 of 4,074), the positions of
/// one level in one batch over rows and prefixes; wide levels are cut into pieces, each followed to its leaves before
/// the next. The Python program calls the decoder for each of the 4,073 edges, over the whole prefix. Dropout is off
/// meanwhile. input_ids, attention_mask [B, T] int64. Throws UsageError if sequences are longer than the decoder's
/// positions or hold tokens that its vocabulary has not. Source: histocc/utils/decoder.py and trie.py.
at::Tensor full_search(MixerImpl& mixer, const at::Tensor& input_ids, const at::Tensor& attention_mask,
                       const PrefixTree& tree, const SearchOptions& options = {});

}  // namespace canine
