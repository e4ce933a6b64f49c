#pragma once

#include <c10/core/DeviceType.h>
#include <c10/core/ScalarType.h>

#include <optional>

namespace canine {

/// torch.autocast for one scope of one thread: eligible operations on `device` compute in `dtype` (kBFloat16, kHalf);
/// nullopt switches autocast off in the scope. The outer setting comes back at the end, and leaving the outermost scope
/// drops the cached casts of weights, so close it before the optimizer changes them. Backward needs no scope.
/// Which operations stay float32 depends on the device: CUDA's list has softmax and layer_norm, the CPU's has not.
class AutocastGuard {
 public:
  AutocastGuard(c10::DeviceType device, std::optional<c10::ScalarType> dtype);
  ~AutocastGuard();
  AutocastGuard(const AutocastGuard&) = delete;
  AutocastGuard& operator=(const AutocastGuard&) = delete;

 private:
  c10::DeviceType device_;
  bool outer_enabled_;
  c10::ScalarType outer_dtype_;
};

}  // namespace canine
