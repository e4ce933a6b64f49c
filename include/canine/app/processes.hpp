#pragma once

#include <c10/core/Device.h>

#include <string_view>
#include <vector>

#include "canine/app/device.hpp"
#include "canine/app/job.hpp"
#include "canine/app/option_set.hpp"
#include "canine/dist/job_digest.hpp"
#include "canine/launch/launch_context.hpp"
#include "canine/launch/thread_share.hpp"
#include "canine/train/options.hpp"

namespace canine {

/// What a program finds out when it starts.
struct ProgramStart {
  LaunchContext launch;
  std::vector<c10::Device> devices;  ///< of this machine, for this run
  bool starts_others = false;        ///< no launcher and several devices: start_processes is what is left to do

  /// The device of a process: those of a machine are dealt out by local rank, over and over.
  c10::Device device_of(const LaunchContext& place) const {
    return devices[static_cast<size_t>(place.local_rank) % devices.size()];
  }
};

/// The place of this process in its job (find_place) and the devices that the run may use: --devices, or the CPU where
/// accelerate says so (ACCELERATE_USE_CPU) and nobody else has. From now on only one process tells the common story: a
/// parent that starts others leaves it to the first of them. `alone`: one process will do. Throws UsageError.
ProgramStart find_start(const OptionSet& options, const LaunchSettings& launch, const MachineSettings& machine,
                        bool alone = false);

/// Starts this program again, once for each of `devices`, and returns their exit status.
int start_processes(const std::vector<c10::Device>& devices, std::string_view purpose);

/// Those of `devices` over which training shall be spread: all, or as many as divide the batch evenly, with a note, if
/// the devices were not named. Throws UsageError if the batch cannot be divided over named devices.
std::vector<c10::Device> devices_for_batch(const OptionSet& options, const MachineSettings& machine,
                                           const TrainOptions& train, const std::vector<c10::Device>& devices);

/// What one process computes with.
struct ProcessSetup {
  LaunchContext launch;
  c10::Device device = c10::Device(c10::DeviceType::CPU);
  ThreadShare threads;
  Precision precision = Precision::kFp32;
  bool precision_by_launcher = false;  ///< by accelerate, whose wish cannot always be granted
};

/// Sets threads and arithmetic (device.hpp) as the flags say; `precision` is the value of --precision. Throws
/// UsageError.
ProcessSetup set_up_process(const OptionSet& options, const LaunchContext& launch, c10::Device device,
                            const MachineSettings& machine, Precision precision, bool use_amp = false);

/// The first lines of every process: what it belongs to and what it computes on.
void print_start_lines(const ProcessSetup& setup);

/// What processes of any program must have alike before they work together: build, flags, arithmetic.
JobDigest common_digest(const OptionSet& options, const ProcessSetup& setup);

}  // namespace canine
