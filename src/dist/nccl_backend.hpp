#pragma once

#include <c10/core/Device.h>
#include <c10/util/intrusive_ptr.h>

#include <chrono>

namespace c10d {
class Backend;
class Store;
}  // namespace c10d

namespace canine {

/// What the module canine_nccl makes a backend of.
struct NcclRequest {
  c10::intrusive_ptr<c10d::Store> store;
  int rank = 0;
  int world = 1;
  c10::Device device = c10::Device(c10::DeviceType::CUDA, 0);
  std::chrono::milliseconds timeout{0};
};

/// The function of the module, "canine_nccl_open": sets `backend` or throws std::exception.
using NcclOpen = void (*)(const NcclRequest& request, c10::intrusive_ptr<c10d::Backend>& backend);

/// NCCL for tensors on one GPU, already connected to the other ranks. Opens the module at first use. Throws UsageError
/// (no module, another NCCL than the module was built with, no GPU) or PeerError (the others cannot be reached).
c10::intrusive_ptr<c10d::Backend> open_nccl(const NcclRequest& request);

}  // namespace canine
