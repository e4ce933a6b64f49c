#include "canine/app/processes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "canine/core/errors.hpp"
#include "canine/core/log.hpp"
#include "canine/launch/self_launch.hpp"

namespace canine {
namespace {

std::string variable(const char* name) {
  const Environment environment = process_environment();
  const auto found = environment.find(name);
  return found == environment.end() ? "" : found->second;
}

/// As accelerate writes truth into variables.
bool is_true(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text == "true" || text == "1" || text == "yes" || text == "on" || text == "y" || text == "t";
}

const char* mixed_precision(Precision precision) {
  return precision == Precision::kFp32 || precision == Precision::kTf32 ? "no" : name_of(precision);
}

std::string units(const std::vector<c10::Device>& devices, int count) {
  if (devices.front().is_cpu()) return fmt::format("{} processes on the CPU", count);
  return fmt::format("{} GPUs", count);
}

}  // namespace

std::vector<c10::Device> find_devices(const OptionSet& options, const MachineSettings& machine) {
  if (!options.given("devices") && is_true(variable("ACCELERATE_USE_CPU"))) return resolve_devices("cpu");
  return resolve_devices(machine.devices);
}

c10::Device device_of(const LaunchContext& launch, const std::vector<c10::Device>& devices) {
  return devices[static_cast<size_t>(launch.local_rank) % devices.size()];
}

int start_processes(const std::vector<c10::Device>& devices, std::string_view purpose) {
  const int count = static_cast<int>(devices.size());
  log_info("Using {} for {}", units(devices, count), purpose);
  SelfLaunchOptions launch;
  launch.num_processes = count;
  return self_launch(launch);
}

int start_processes(const OptionSet& options, const MachineSettings& machine, const TrainOptions& train,
                    const std::vector<c10::Device>& devices) {
  const int64_t rows = train.global_batch_size ? *train.global_batch_size / train.grad_accum_steps : train.batch_size;
  const int available = static_cast<int>(devices.size());
  const int count = largest_even_division(rows, available);
  if (count < available && options.given("devices") && machine.devices != "cuda") {
    throw UsageError(
        "--devices {} names {} devices, over which a batch of {} rows cannot be divided evenly; give a --batch-size "
        "that is a multiple of {}, or {} of the devices",
        machine.devices, available, rows, available, count);
  }
  if (count < available) {
    log_note("a batch of {} rows cannot be divided evenly over {}, so {} {} used", rows, units(devices, available),
             count, count == 1 ? "is" : "are");
  }
  return start_processes({devices.begin(), devices.begin() + count}, "training");
}

void print_start_lines(const LaunchContext& launch, c10::Device device, Precision precision,
                       const ThreadShare& threads) {
  if (launch.launcher != Launcher::kSingle) log_info("{}", launch.describe());
  if (launch.distributed()) {
    log_info("Distributed training: {}", device.is_cpu() ? "MULTI_CPU" : "MULTI_GPU");
    log_info("Number of processes: {}", launch.world);
    log_info("Mixed precision: {}", mixed_precision(precision));
  }
  // Not log_info: each process says this of itself.
  print_stdout_line(fmt::format("Process {} using device: {} ({} thread{}: {})", launch.rank, device.str(),
                                threads.threads, threads.threads == 1 ? "" : "s", threads.reason));
}

}  // namespace canine
