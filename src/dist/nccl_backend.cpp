#include "nccl_backend.hpp"

#include <stdexcept>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include "canine/core/errors.hpp"
#include "plain_message.hpp"
#include "plugin.hpp"

namespace canine {

c10::intrusive_ptr<c10d::Backend> open_nccl(const NcclRequest& request) {
  const Plugin plugin = open_plugin("canine_nccl", "canine_nccl_open");
  if (plugin.function == nullptr) {
    throw UsageError("NCCL cannot be used: {}. --backend gloo works without it", plugin.problem);
  }
  c10::intrusive_ptr<c10d::Backend> backend;
  try {
    reinterpret_cast<NcclOpen>(plugin.function)(request, backend);
  } catch (const std::invalid_argument& error) {  // what the module itself has found
    throw UsageError("rank {}: NCCL cannot be used: {}. --backend gloo works without it", request.rank, error.what());
  } catch (const std::exception& error) {
    throw PeerError(
        "rank {}: NCCL cannot connect the {} processes: {}. NCCL_DEBUG=INFO says more; NCCL_SOCKET_IFNAME names the "
        "network interface",
        request.rank, request.world, plain_message(error));
  }
  return backend;
}

}  // namespace canine
