#include "canine/model/attention.hpp"

#include <ATen/autocast_mode.h>
#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/softmax.h>

#include <cmath>
#include <limits>
#include <optional>

#include "canine/model/dropout.hpp"

namespace canine {
namespace {

/// [B, T, H] as [B, heads, T, H / heads], without a copy.
at::Tensor split_heads(const at::Tensor& x, int64_t heads) {
  return x.view({x.size(0), x.size(1), heads, x.size(2) / heads}).transpose(1, 2);
}

/// [B, heads, T, d] as [B * heads, T, d].
at::Tensor merge_batch(const at::Tensor& x) { return x.reshape({x.size(0) * x.size(1), x.size(2), x.size(3)}); }

at::Tensor eager(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value, const at::Tensor& mask,
                 double dropout_rate) {
  const int64_t batch = query.size(0);
  const int64_t heads = query.size(1);
  const double scale = 1.0 / std::sqrt(static_cast<double>(query.size(3)));
  const at::Tensor keys = merge_batch(key).transpose(1, 2);
  at::Tensor scores;
  if (mask.defined()) {
    const at::Tensor by_head = mask.expand({batch, heads, mask.size(-2), key.size(2)});
    scores = at::baddbmm(merge_batch(by_head), merge_batch(query), keys, 1, scale);
  } else {
    scores = at::bmm(merge_batch(query * scale), keys);
  }
  const at::Tensor weights = dropout(at::softmax(scores, -1, at::kFloat), dropout_rate);
  return at::bmm(weights, merge_batch(value)).view({batch, heads, query.size(2), value.size(3)});
}

/// Whether the fused kernel is the faster one. The CPU's has no dropout: there sdpa would fall back to a slower form of
/// the same products. Nor is it made for the single query of position-by-position decoding: in bfloat16 it takes 2.4
/// times the products' time.
bool fused_is_faster(const at::Tensor& query, double dropout_rate) {
  if (!query.is_cpu()) return true;
  return dropout_rate == 0.0 && !(query.size(1) == 1 && query.scalar_type() == at::kBFloat16);
}

}  // namespace

at::Tensor attend(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value, const at::Tensor& mask,
                  const AttentionShape& shape) {
  const at::Tensor q = split_heads(query, shape.heads);
  const at::Tensor k = split_heads(key, shape.heads);
  const at::Tensor v = split_heads(value, shape.heads);
  const bool fused = shape.kind == Attention::kSdpa && fused_is_faster(query, shape.dropout);
  const at::Tensor context =
      fused ? at::scaled_dot_product_attention(
                  q, k, v, mask.defined() ? std::optional<at::Tensor>(mask.to(q.scalar_type())) : std::nullopt,
                  shape.dropout)
            : eager(q, k, v, mask, shape.dropout);
  return context.transpose(1, 2).reshape(query.sizes());
}

at::Tensor additive_mask(const at::Tensor& visible) {
  // Half the lowest number of the scores' type: adding a score cannot overflow it. bfloat16 has the range of float32.
  const c10::DeviceType device = visible.device().type();
  const bool half = at::autocast::is_autocast_enabled(device) && at::autocast::get_autocast_dtype(device) == at::kHalf;
  const double lowest = half ? -32752.0 : -0.5 * static_cast<double>(std::numeric_limits<float>::max());
  return (1 - visible).to(at::kFloat).mul_(lowest).view({visible.size(0), 1, 1, visible.size(1)});
}

}  // namespace canine
