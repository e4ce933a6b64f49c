#pragma once

#include <torch/csrc/distributed/c10d/comm.hpp>

#include <memory>

#include "canine/dist/gradient_synchronizer.hpp"

namespace canine {

/// What c10d::Reducer calls instead of its own all-reduce of a bucket.
std::unique_ptr<c10d::CommHookInterface> make_user_hook(GradientSynchronizer::Hook hook);

/// Averages a bucket in `dtype` (kHalf or kBFloat16). Gradients are divided by the number of ranks before they are
/// rounded, so that their sum cannot overflow where their mean does not. Buckets of 16-bit gradients travel as they
/// are.
std::unique_ptr<c10d::CommHookInterface> make_compression_hook(const c10::intrusive_ptr<c10d::ProcessGroup>& group,
                                                               at::ScalarType dtype);

}  // namespace canine
