#pragma once

#include <c10/core/Device.h>

#include <string>
#include <vector>

#include "canine/app/option.hpp"
#include "canine/launch/launch_context.hpp"
#include "canine/launch/thread_share.hpp"
#include "canine/train/options.hpp"

namespace canine {

/// What a program computes on.
struct MachineSettings {
  std::string devices = "auto";  ///< text of resolve_devices
  int num_threads = 0;           ///< of tensor operations; 0 = this process's share of the processors
  bool deterministic = false;    ///< GPU kernels that give the same bits every time
};

/// The devices that a text of --devices names, in its order, one per process of this machine:
///   auto               all GPUs that are visible, else the CPU once
///   cpu, cpu:2         the CPU for one process, for two
///   0, 0,2, cuda:0,cuda:2, cuda      these GPUs; all of them
///
/// LibTorch's CUDA part is opened at run time, and only where an NVIDIA driver is, so that starts on a CPU stay light.
/// Call this before anything else asks LibTorch for CUDA: it remembers the answer of the first time. Throws UsageError:
/// no such device, a GPU named twice, CPU and GPUs mixed.
std::vector<c10::Device> resolve_devices(const std::string& text);

/// Sets the threads of tensor operations: `num_threads`, or this process's share of the processors if it is 0.
ThreadShare set_up_threads(const LaunchContext& launch, int num_threads);

/// --precision together with --use-amp on a device; `origin` is where the precision came from. The Python program's
/// --use-amp means float16 on a GPU; on a CPU it warns and stays in float32, as does float16 that the environment
/// (accelerate) asks for. Throws UsageError for float16 on a CPU and for contradictions.
Precision resolve_precision(Precision precision, Origin origin, bool use_amp, c10::Device device);

/// LibTorch's process-wide switches: on a GPU TF32 as `precision` says, deterministic kernels, cuDNN's choice of
/// algorithms; on the CPU memory that is kept for the next step (model/host_memory.hpp).
void set_up_numerics(c10::Device device, Precision precision, bool deterministic);

}  // namespace canine
