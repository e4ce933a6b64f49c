#pragma once

#include <ATen/core/Tensor.h>

namespace canine {

/// x with each element zeroed with probability `rate` and the others divided by 1 - rate; x itself at rate 0.
///
/// On the CPU the mask is a function of the element's index and of one number drawn from torch's default generator
/// (so manual_seed decides it, for any number of threads), and is computed again in backward instead of being stored.
/// torch's own dropout draws the mask from a serial generator and keeps it in float32; that took 5 % of the processor
/// time of a full-size step, all of it in one thread. Elsewhere this is at::dropout.
at::Tensor dropout(const at::Tensor& x, double rate);

}  // namespace canine
