#pragma once

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "canine/dist/gradient_synchronizer.hpp"

namespace canine::testing {

/// Numbers in [-0.5, 0.5] that look random and are the same everywhere (at::manual_seed is shared by all threads).
inline at::Tensor wave(at::IntArrayRef shape, double phase, at::ScalarType dtype = at::kFloat) {
  int64_t size = 1;
  for (const int64_t extent : shape) size *= extent;
  return (at::sin(at::arange(size, at::kDouble) * 12.9898 + phase) * 0.5).reshape(shape).to(dtype);
}

/// A net of two layers as plain tensors: [B, 5] -> [B, 3].
struct ToyNet {
  at::Tensor first, first_bias, second, second_bias;

  explicit ToyNet(double phase = 0)
      : first(wave({7, 5}, phase).requires_grad_()),
        first_bias(wave({7}, phase + 1).requires_grad_()),
        second(wave({3, 7}, phase + 2).requires_grad_()),
        second_bias(wave({3}, phase + 3).requires_grad_()) {}

  std::vector<GradientSynchronizer::Named> named() const {
    return {{"first", first}, {"first_bias", first_bias}, {"second", second}, {"second_bias", second_bias}};
  }
  std::vector<at::Tensor> parameters() const { return {first, first_bias, second, second_bias}; }

  at::Tensor forward(const at::Tensor& input) const {
    return at::linear(at::tanh(at::linear(input, first, first_bias)), second, second_bias);
  }
  /// Mean over the rows.
  at::Tensor loss(const at::Tensor& input) const { return forward(input).pow(2).mean(); }
};

/// Rows of step `step`: [rows, 5].
inline at::Tensor toy_rows(int64_t rows, int step) { return wave({rows, 5}, 100.0 + step) * 4; }

/// The rows of `rows` that belong to this rank, in equal consecutive parts.
inline at::Tensor own_rows(const at::Tensor& rows, const ProcessGroup& group) {
  return rows.chunk(group.world())[static_cast<size_t>(group.rank())];
}

inline std::vector<at::Tensor> gradients_of(const std::vector<at::Tensor>& parameters) {
  std::vector<at::Tensor> gradients;
  for (const auto& parameter : parameters) {
    gradients.push_back(parameter.grad().defined() ? parameter.grad().detach().clone() : at::Tensor());
  }
  return gradients;
}

/// One step of plain gradient descent; gradients are zeroed in place.
inline void descend(const std::vector<at::Tensor>& parameters, double rate = 0.1) {
  const c10::AutoGradMode no_graph(false);
  for (const auto& parameter : parameters) {
    if (!parameter.grad().defined()) continue;
    parameter.add_(parameter.grad(), -rate);
    parameter.grad().zero_();
  }
}

inline std::vector<at::Tensor> copies_of(const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> copies;
  for (const auto& tensor : tensors) copies.push_back(tensor.detach().clone());
  return copies;
}

inline bool bit_equal(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].defined() != b[i].defined()) return false;
    if (a[i].defined() && !at::equal(a[i], b[i])) return false;
  }
  return true;
}

/// The largest |a - b| / max(1e-3, |b|) over all entries.
inline double largest_relative_difference(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  double largest = a.size() == b.size() ? 0 : 1;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const at::Tensor difference = (a[i] - b[i]).abs() / b[i].abs().clamp_min(1e-3);
    largest = std::max(largest, difference.max().item<double>());
  }
  return largest;
}

}  // namespace canine::testing
