#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace canine {

// The few layers that both halves of the model are made of. Parameters are float32 on the CPU and hold no values yet:
// initialisation (model/initialization.hpp) or a state dict gives them some.

/// y = x W^T + b over the last dimension; weight [out, in], bias [out].
class Linear : public torch::nn::Module {
 public:
  Linear(int64_t in_features, int64_t out_features);
  at::Tensor forward(const at::Tensor& x) const;

  at::Tensor weight;
  at::Tensor bias;
};

/// Normalisation over the last dimension, in float32 also under autocast.
class LayerNorm : public torch::nn::Module {
 public:
  LayerNorm(int64_t width, double eps);
  at::Tensor forward(const at::Tensor& x) const;

  at::Tensor weight;
  at::Tensor bias;

 private:
  double eps_;
};

/// Convolution along characters; weight [out, in, kernel], bias [out].
class Convolution : public torch::nn::Module {
 public:
  Convolution(int64_t in_channels, int64_t out_channels, int64_t kernel);

  at::Tensor weight;
  at::Tensor bias;
};

/// Rows of a table by index; weight [rows, width].
class Embedding : public torch::nn::Module {
 public:
  Embedding(int64_t rows, int64_t width);
  at::Tensor forward(const at::Tensor& indices) const;

  at::Tensor weight;
};

/// Submodules "0", "1", ... of one kind, as torch.nn.ModuleList names them.
template <typename Layer>
class LayerList : public torch::nn::Module {
 public:
  template <typename... Args>
  explicit LayerList(int64_t count, const Args&... args) {
    for (int64_t i = 0; i < count; ++i) {
      layers_.push_back(register_module(std::to_string(i), std::make_shared<Layer>(args...)));
    }
  }

  Layer& operator[](size_t index) const { return *layers_[index]; }
  size_t size() const { return layers_.size(); }

 private:
  std::vector<std::shared_ptr<Layer>> layers_;
};

/// True where autocast is on for the device of `x`.
bool autocast_enabled(const at::Tensor& x);

/// x in the type that autocast gives to matrix products, so that several of them share one conversion; x itself
/// without autocast.
at::Tensor to_autocast(const at::Tensor& x);

}  // namespace canine
