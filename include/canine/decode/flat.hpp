#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace canine {

/// The likeliest classes of the flat head, k = min(k asked for, C).
struct FlatTopK {
  at::Tensor classes;        ///< [B, k] int64, likeliest first
  at::Tensor probabilities;  ///< [B, k] float32, sigmoid of the logits; classes do not exclude each other
};

/// Classes the Python program reports per row.
inline constexpr int64_t kFlatTopK = 5;

/// flat_logits [B, C] as the flat head gives them.
FlatTopK flat_top_k(const at::Tensor& flat_logits, int64_t k = kFlatTopK);

}  // namespace canine
