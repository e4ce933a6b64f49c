#pragma once

#include <c10/core/Device.h>

#include <string>

#include "canine/train/options.hpp"

namespace canine {

/// What a program computes on.
struct MachineSettings {
  std::string devices = "auto";  ///< "auto", "cpu", a GPU's number, "cuda" or "cuda:N"
  int num_threads = 0;           ///< of tensor operations; 0 = one per available processor
  bool deterministic = false;    ///< GPU kernels that give the same bits every time
};

/// The device that a text of --devices names: "auto" = the first NVIDIA GPU, else the CPU.
///
/// LibTorch's CUDA part is opened at run time, and only where an NVIDIA driver is, so that starts on a CPU stay light.
/// Call this before anything else asks LibTorch for CUDA: it remembers the answer of the first time. Throws UsageError:
/// no such device, several devices.
c10::Device resolve_device(const std::string& text);

/// "cpu" or "cuda:0 (NVIDIA H100)".
std::string describe(c10::Device device);

/// Sets the threads of tensor operations and returns their number.
int set_up_threads(int num_threads);

/// --precision together with --use-amp on a device. `precision_given` = the user chose --precision. The Python
/// program's --use-amp means float16 on a GPU; on a CPU it warns and stays in float32. Throws UsageError for float16 on
/// a CPU and for contradictions.
Precision resolve_precision(Precision precision, bool precision_given, bool use_amp, c10::Device device);

/// LibTorch's process-wide switches: on a GPU TF32 as `precision` says, deterministic kernels, cuDNN's choice of
/// algorithms; on the CPU memory that is kept for the next step (model/host_memory.hpp).
void set_up_numerics(c10::Device device, Precision precision, bool deterministic);

}  // namespace canine
