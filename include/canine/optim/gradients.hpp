#pragma once

#include <ATen/core/Tensor.h>

#include <span>
#include <vector>

namespace canine {

/// Gradients of `parameters`, in order; undefined ones are left out.
std::vector<at::Tensor> defined_gradients(std::span<const at::Tensor> parameters);

/// 2-norm of all gradients of `parameters` together (0-dim on their device; 0 if there are none), as
/// torch.nn.utils.get_total_norm computes it. Waits for nothing.
at::Tensor gradient_norm(std::span<const at::Tensor> parameters);

/// Multiplies all gradients by min(1, max_norm / (norm + 1e-6)) in place, as torch.nn.utils.clip_grad_norm_ does.
/// max_norm <= 0 leaves them. Waits for nothing.
void clip_gradients(std::span<const at::Tensor> parameters, const at::Tensor& norm, double max_norm);

/// Float32 scalar on the device of `norm`: 1 if the loss or the norm of the gradients is not finite, else 0. As the
/// norm is computed anyway and is not finite if any gradient is not, this costs no further pass over the gradients.
at::Tensor nonfinite_flag(const at::Tensor& norm, const at::Tensor& loss);

}  // namespace canine
