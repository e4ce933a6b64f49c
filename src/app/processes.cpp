#include "canine/app/processes.hpp"

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "canine/app/version.hpp"
#include "canine/core/ascii_lower.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/log.hpp"
#include "canine/core/readable.hpp"
#include "canine/launch/self_launch.hpp"

namespace canine {
namespace {

std::string variable(const char* name) {
  const Environment environment = process_environment();
  const auto found = environment.find(name);
  return found == environment.end() ? "" : found->second;
}

/// As accelerate writes truth into variables.
bool is_true(const std::string& value) {
  const std::string text = ascii_lower(value);
  return text == "true" || text == "1" || text == "yes" || text == "on" || text == "y" || text == "t";
}

const char* mixed_precision(Precision precision) {
  return precision == Precision::kFp32 || precision == Precision::kTf32 ? "no" : name_of(precision);
}

std::vector<c10::Device> find_devices(const OptionSet& options, const MachineSettings& machine) {
  if (!options.given("devices") && is_true(variable("ACCELERATE_USE_CPU"))) return resolve_devices("cpu");
  return resolve_devices(machine.devices);
}

/// A launcher has decided how many processes there are, whatever --devices names.
void note_unused_devices(const OptionSet& options, const ProgramStart& start, const std::string& text) {
  const LaunchContext& launch = start.launch;
  const auto used = static_cast<size_t>(launch.local_world);
  const bool by_launcher = launch.launcher != Launcher::kSingle && launch.launcher != Launcher::kSelf;
  if (!by_launcher || !launch.local_world_is_known || launch.local_rank != 0 || !options.given("devices")) return;
  if (used >= start.devices.size()) return;
  log_note("--devices {} names {} devices, but the launcher has started {} process{} on this host, so {} {} used", text,
           start.devices.size(), used, used == 1 ? "" : "es", used, used == 1 ? "is" : "are");
}

std::string units(const std::vector<c10::Device>& devices, int count) {
  if (devices.front().is_cpu()) return fmt::format("{} processes on the CPU", count);
  return counted(count, "GPU");
}

}  // namespace

ProgramStart find_start(const OptionSet& options, const LaunchSettings& launch, const MachineSettings& machine,
                        bool alone) {
  ProgramStart start{.launch = find_place(options, launch), .devices = find_devices(options, machine)};
  options.note_if_ignored("init-method", !start.launch.distributed() && (start.devices.size() == 1 || alone),
                          "this is one process, which meets no others");
  start.starts_others = start.launch.launcher == Launcher::kSingle && start.devices.size() > 1 && !alone;
  if (start.starts_others) set_log_role("", true);
  note_unused_devices(options, start, machine.devices);
  return start;
}

int start_processes(const std::vector<c10::Device>& devices, std::string_view purpose) {
  set_log_role("", false);
  const int count = static_cast<int>(devices.size());
  log_info("Using {} for {}", units(devices, count), purpose);
  SelfLaunchOptions launch;
  launch.num_processes = count;
  return self_launch(launch);
}

std::vector<c10::Device> devices_for_batch(const OptionSet& options, const MachineSettings& machine,
                                           const TrainOptions& train, const std::vector<c10::Device>& devices) {
  const bool whole = train.global_batch_size.has_value();
  const int64_t accumulation = whole ? train.grad_accum_steps : 1;
  const int64_t rows = whole ? *train.global_batch_size / accumulation : train.batch_size;
  const int available = static_cast<int>(devices.size());
  const int count = largest_even_division(rows, available);
  if (count < available && options.given("devices") && machine.devices != "cuda") {
    throw UsageError(
        "--devices {} names {} devices, over which a batch of {} rows cannot be divided evenly; give a {} "
        "that is a multiple of {}, or {} of the devices",
        machine.devices, available, rows, whole ? "--global-batch-size" : "--batch-size", available * accumulation,
        count);
  }
  if (count < available) {
    log_note("a batch of {} rows cannot be divided evenly over {}, so {} {} used", rows, units(devices, available),
             count, count == 1 ? "is" : "are");
  }
  return {devices.begin(), devices.begin() + count};
}

ProcessSetup set_up_process(const OptionSet& options, const LaunchContext& launch, c10::Device device,
                            const MachineSettings& machine, Precision precision, bool use_amp) {
  ProcessSetup setup;
  setup.launch = launch;
  setup.device = device;
  setup.threads = set_up_threads(launch, machine.num_threads);
  const Origin origin = options.at("precision").origin();
  setup.precision = resolve_precision(precision, origin, use_amp, device);
  setup.precision_by_launcher = origin == Origin::kEnvironment;
  set_up_numerics(device, setup.precision, machine.deterministic);
  return setup;
}

void print_start_lines(const ProcessSetup& setup) {
  const LaunchContext& launch = setup.launch;
  if (launch.launcher != Launcher::kSingle) log_info("{}", launch.describe());
  if (launch.distributed()) {
    log_info("Distributed training: {}", setup.device.is_cpu() ? "MULTI_CPU" : "MULTI_GPU");
    log_info("Number of processes: {}", launch.world);
  }
  if (launch.distributed() || setup.precision_by_launcher) {
    log_info("Mixed precision: {}", mixed_precision(setup.precision));
  }
  // Not log_info: each process says this of itself.
  const ThreadShare& threads = setup.threads;
  print_stdout_line(fmt::format("Process {} using device: {} ({} thread{}: {})", launch.rank, setup.device.str(),
                                threads.threads, threads.threads == 1 ? "" : "s", threads.reason));
}

JobDigest common_digest(const OptionSet& options, const ProcessSetup& setup) {
  JobDigest digest;
  digest.add("build", build_text());
  for (const Option& option : options.options()) {
    if (option.is_command_line_only() || option.is_local()) continue;
    digest.add("--" + option.name(), to_text(option.value()));
  }
  digest.add("precision", name_of(setup.precision));
  digest.add("device type", c10::DeviceTypeName(setup.device.type()));
  return digest;
}

}  // namespace canine
