#include "canine/optim/gradients.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

namespace canine {

std::vector<at::Tensor> defined_gradients(std::span<const at::Tensor> parameters) {
  std::vector<at::Tensor> gradients;
  gradients.reserve(parameters.size());
  for (const at::Tensor& parameter : parameters) {
    if (const at::Tensor& gradient = parameter.grad(); gradient.defined()) gradients.push_back(gradient);
  }
  return gradients;
}

at::Tensor gradient_norm(std::span<const at::Tensor> parameters) {
  const at::NoGradGuard no_grad;
  const std::vector<at::Tensor> gradients = defined_gradients(parameters);
  if (gradients.empty()) {
    return at::zeros({}, parameters.empty() ? at::TensorOptions(at::kFloat) : parameters.front().options());
  }
  return at::linalg_vector_norm(at::stack(at::_foreach_norm(gradients)));
}

void clip_gradients(std::span<const at::Tensor> parameters, const at::Tensor& norm, double max_norm) {
  if (max_norm <= 0) return;
  const at::NoGradGuard no_grad;
  const std::vector<at::Tensor> gradients = defined_gradients(parameters);
  if (gradients.empty()) return;
  at::_foreach_mul_(gradients, (norm + 1e-6).reciprocal().mul(max_norm).clamp_max(1.0));
}

at::Tensor nonfinite_flag(const at::Tensor& norm, const at::Tensor& loss) {
  const at::NoGradGuard no_grad;
  return at::isfinite(norm).logical_and(at::isfinite(loss)).logical_not().to(at::kFloat);
}

}  // namespace canine
