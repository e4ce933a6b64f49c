#pragma once

#include <cstdint>

#include "canine/data/batch.hpp"

namespace canine {

/// How predictions are made.
enum class DecodeMode {
  kGreedy,  ///< whole label sequences, token by token (greedy.hpp)
  kFlat,    ///< classes of the flat head (flat.hpp)
  kFull,    ///< every code's probability to stand first (full_search.hpp)
};

/// Characters T to which a batch may be padded or trimmed so that no prediction changes, if its longest row has
/// `longest` real characters and none more than `max_len`:
///   flat, either padding    4 ceil(n / 4): whole molecules of real characters; what follows is never seen
///   others, mask            4 ceil(n / 4) + 8, as in training (data/batch.hpp)
///   others, reference       max_len: the decoder looks at padding too
/// At least 4, the encoder's shortest text, and never more than max_len.
int64_t batch_width(DecodeMode mode, Padding padding, int64_t longest, int64_t max_len);

}  // namespace canine
