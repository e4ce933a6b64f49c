#pragma once

#include <c10/core/Device.h>

#include <string_view>
#include <vector>

#include "canine/app/device.hpp"
#include "canine/app/option_set.hpp"
#include "canine/launch/launch_context.hpp"
#include "canine/launch/thread_share.hpp"
#include "canine/train/options.hpp"

namespace canine {

/// The devices of this machine that the run may use: --devices, or the CPU where accelerate says so
/// (ACCELERATE_USE_CPU) and nobody else has. Throws UsageError.
std::vector<c10::Device> find_devices(const OptionSet& options, const MachineSettings& machine);

/// The device of one process: those of a machine are dealt out by local rank, over and over.
c10::Device device_of(const LaunchContext& launch, const std::vector<c10::Device>& devices);

/// Starts this program again, once for each of `devices`, and returns their exit status.
int start_processes(const std::vector<c10::Device>& devices, std::string_view purpose);

/// The same for training: for each of `devices` (or as many as divide the batch evenly, if the devices were
/// not named), and returns their exit status. Throws UsageError if the batch cannot be divided over named devices.
int start_processes(const OptionSet& options, const MachineSettings& machine, const TrainOptions& train,
                    const std::vector<c10::Device>& devices);

/// The first lines of every process: what it belongs to and what it computes on.
void print_start_lines(const LaunchContext& launch, c10::Device device, Precision precision,
                       const ThreadShare& threads);

}  // namespace canine
