// The only file that sees NCCL. Its nccl.h must be that of the wheel: c10d's options have another layout with another
// version.
#include <ATen/detail/CUDAHooksInterface.h>
#include <fmt/format.h>
#include <nccl.h>

#include <stdexcept>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

#include "nccl_backend.hpp"

namespace {

void require_matching_nccl() {
  int version = 0;
  const ncclResult_t result = ncclGetVersion(&version);
  if (result == ncclSuccess && version == NCCL_VERSION_CODE) return;
  throw std::invalid_argument(fmt::format(
      "libnccl reports version {}, and this program was built for {}: another libnccl.so.2 comes first (look at "
      "LD_LIBRARY_PATH and LD_PRELOAD)",
      version, NCCL_VERSION_CODE));
}

void require_gpu(c10::Device device) {
  const int count = at::detail::getCUDAHooks().getNumGPUs();
  if (count == 0)
    throw std::invalid_argument("no GPU is visible to this process (see nvidia-smi, CUDA_VISIBLE_DEVICES)");
  if (!device.is_cuda() || !device.has_index() || device.index() >= count) {
    throw std::invalid_argument(fmt::format("{} is not one of the {} visible GPUs", device.str(), count));
  }
}

}  // namespace

extern "C" void canine_nccl_open(const canine::NcclRequest& request, c10::intrusive_ptr<c10d::Backend>& backend) {
  require_matching_nccl();
  require_gpu(request.device);
  const auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = request.timeout;
  options->group_name = "0";
  auto nccl = c10::make_intrusive<c10d::ProcessGroupNCCL>(request.store, request.rank, request.world, options);
  nccl->setBoundDeviceId(request.device);
  nccl->eagerConnectSingleDevice(request.device);  // fails here and now instead of in the first step
  backend = std::move(nccl);
}
