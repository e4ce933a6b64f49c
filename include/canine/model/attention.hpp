#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "canine/model/options.hpp"

namespace canine {

/// How one layer attends.
struct AttentionShape {
  int64_t heads = 1;
  double dropout = 0.0;  ///< on the probabilities; 0 outside training
  Attention kind = Attention::kSdpa;
};

/// Multi-head attention softmax(Q K^T / sqrt(H / heads) + mask) V without its linear layers.
/// query [B, S, H], key and value [B, T, H] (views with contiguous rows are fine); `mask` float, added to the scores,
/// broadcastable to [B, heads, S, T], undefined = none. Returns [B, S, H]. Softmax in float32.
at::Tensor attend(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value, const at::Tensor& mask,
                  const AttentionShape& shape);

/// Mask for `attend` that hides the positions where `visible` [B, T] is 0: [B, 1, 1, T], 0 or a number so low that its
/// softmax weight is exactly 0. Finite, so a row without any visible position gets equal weights, not NaN.
at::Tensor additive_mask(const at::Tensor& visible);

}  // namespace canine
