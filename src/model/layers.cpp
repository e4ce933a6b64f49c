#include "canine/model/layers.hpp"

#include <ATen/autocast_mode.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/layer_norm.h>

#include "canine/model/affine.hpp"

namespace canine {

Linear::Linear(int64_t in_features, int64_t out_features)
    : weight(register_parameter("weight", at::empty({out_features, in_features}))),
      bias(register_parameter("bias", at::empty({out_features}))) {}

at::Tensor Linear::forward(const at::Tensor& x) const { return affine(x, weight, bias); }

LayerNorm::LayerNorm(int64_t width, double eps)
    : weight(register_parameter("weight", at::empty({width}))),
      bias(register_parameter("bias", at::empty({width}))),
      eps_(eps) {}

at::Tensor LayerNorm::forward(const at::Tensor& x) const {
  return at::layer_norm(x.to(at::kFloat), weight.sizes(), weight, bias, eps_);
}

Convolution::Convolution(int64_t in_channels, int64_t out_channels, int64_t kernel)
    : weight(register_parameter("weight", at::empty({out_channels, in_channels, kernel}))),
      bias(register_parameter("bias", at::empty({out_channels}))) {}

Embedding::Embedding(int64_t rows, int64_t width) : weight(register_parameter("weight", at::empty({rows, width}))) {}

at::Tensor Embedding::forward(const at::Tensor& indices) const { return at::embedding(weight, indices); }

bool autocast_enabled(const at::Tensor& x) { return at::autocast::is_autocast_enabled(x.device().type()); }

at::Tensor to_autocast(const at::Tensor& x) {
  return autocast_enabled(x) ? x.to(at::autocast::get_autocast_dtype(x.device().type())) : x;
}

}  // namespace canine
