#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "canine/dist/process_group.hpp"

namespace canine {

/// What a program may say about its group; everything else comes from the launcher's variables.
struct InitOptions {
  std::string init_method;                          ///< "" (as the launcher says), "tcp://HOST:PORT", "file:///PATH"
  std::string backend = "auto";                     ///< "auto", "nccl", "gloo"
  std::optional<c10::Device> device;                ///< none: cuda:(local rank modulo visible GPUs), else the CPU
  std::chrono::milliseconds timeout_init{300'000};  ///< for all ranks to join
  std::chrono::milliseconds timeout_step{120'000};  ///< for any later collective
  bool share_devices = false;                       ///< several ranks of a host may use one GPU
  Peers peers = Peers::kOurs;                       ///< kForeign: a rank runs torch.distributed in Python
};

/// The group of this process's job, as torchrun, mpirun, srun or nobody has started it: place from the environment,
/// device, store and group in one call. Started plainly it is the group of one process. Throws what resolve_launch,
/// JobStore::connect and ProcessGroup::connect throw.
std::shared_ptr<ProcessGroup> init_process_group(const InitOptions& options = {});

/// The device of local rank `local_rank`: a visible GPU, round robin, or the CPU where there is none.
c10::Device device_for(int local_rank);

}  // namespace canine
