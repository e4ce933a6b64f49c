#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>

#include "canine/model/attention.hpp"
#include "canine/model/layers.hpp"
#include "canine/model/options.hpp"

namespace canine {

/// Post-norm transformer layer of CANINE: attention, add, normalise; feed-forward with exact GELU, add, normalise.
/// Submodules are named as in transformers (attention.self.query, ..., output.LayerNorm).
class EncoderLayer : public torch::nn::Module {
 public:
  EncoderLayer(const EncoderOptions& options, Attention attention);

  /// x [B, T, H]; `mask` as `attend` takes it, [B, 1, 1, T]. With `window` > 0 positions are cut into windows of that
  /// width and each attends only to its own.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& mask, int64_t window = 0);

  /// The first position of `forward`, [B, H], for the work of one position besides keys and values.
  at::Tensor forward_first(const at::Tensor& x, const at::Tensor& mask);

 private:
  at::Tensor self_attention(const at::Tensor& x, const at::Tensor& mask, int64_t window) const;
  at::Tensor feed_forward(const at::Tensor& x, const at::Tensor& context) const;
  AttentionShape shape() const;
  double hidden_dropout() const { return is_training() ? hidden_dropout_ : 0.0; }

  AttentionShape shape_;
  double hidden_dropout_;
  std::shared_ptr<Linear> query_, key_, value_;
  std::shared_ptr<Linear> attention_dense_;
  std::shared_ptr<LayerNorm> attention_norm_;
  std::shared_ptr<Linear> intermediate_;
  std::shared_ptr<Linear> output_dense_;
  std::shared_ptr<LayerNorm> output_norm_;
};

}  // namespace canine
