#pragma once

#include <c10/core/Device.h>

#include <string>

namespace canine {

/// Opens LibTorch's CUDA part at run time, so that starts on a CPU stay light. Call it before anything else asks
/// LibTorch for CUDA: it remembers the answer of the first time. Returns "" or the reason why there is no CUDA.
std::string open_cuda();

/// GPUs that this process sees; 0 where open_cuda() gives a reason.
int num_visible_gpus();

/// UUID of a GPU (of a MIG slice where it is one), as the driver gives it; "" if it does not.
std::string gpu_uuid(c10::Device device);

}  // namespace canine
