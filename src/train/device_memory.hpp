#pragma once

#include <c10/core/Device.h>

namespace canine {

/// Most bytes that LibTorch's allocator of a GPU has handed out, and held, since the process started; 0 on the CPU.
struct DeviceMemory {
  double allocated = 0;
  double reserved = 0;
};

DeviceMemory peak_memory(c10::Device device);

}  // namespace canine
