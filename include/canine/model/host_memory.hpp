#pragma once

#include <cstddef>

namespace canine {

/// From now on LibTorch keeps the memory of large CPU tensors (1 MiB and more) when they are freed and gives it to the
/// next ones, in huge pages where the system has them. A training step frees and asks for the same gigabytes again and
/// again; getting them from the kernel costs a tenth of its time. At most a quarter of the largest amount ever in use
/// at once is kept beyond what is in use. For the whole process; further calls do nothing. Tensors made before are
/// freed as they were made.
void recycle_host_memory();

/// Bytes of large tensors now, for diagnostics.
struct HostMemoryUse {
  size_t in_use = 0;
  size_t kept = 0;  ///< free, held for the next tensors
};
HostMemoryUse host_memory_use();

}  // namespace canine
