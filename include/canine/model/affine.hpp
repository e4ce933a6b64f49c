#pragma once

#include <ATen/core/Tensor.h>

namespace canine {

/// x W^T + b over the last dimension: at::linear, except for float32 on the CPU, where oneDNN's product takes the place
/// of the BLAS library's. LibTorch's BLAS is MKL, whose float32 products use half the vector width on processors of
/// other makers; oneDNN's are 2.2 times as fast there (benchmarks/RESULTS.md) and equally fast elsewhere.
/// x [.., in], weight [out, in], bias [out] or undefined.
at::Tensor affine(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias = {});

}  // namespace canine
