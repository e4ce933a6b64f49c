#include "canine/dist/init_process_group.hpp"

#include "canine/dist/cuda_library.hpp"
#include "canine/dist/find_launch.hpp"
#include "canine/dist/job_monitor.hpp"
#include "canine/launch/error_file.hpp"

namespace canine {

c10::Device device_for(int local_rank) {
  const int count = num_visible_gpus();
  if (count == 0) return c10::Device(c10::DeviceType::CPU);
  return c10::Device(c10::DeviceType::CUDA, static_cast<c10::DeviceIndex>(local_rank % count));
}

std::shared_ptr<ProcessGroup> init_process_group(const InitOptions& options) {
  const LaunchContext launch = find_launch();
  ProcessGroup::Options group;
  group.backend = options.backend;
  group.device = options.device ? *options.device : device_for(launch.local_rank);
  group.timeout_init = options.timeout_init;
  group.timeout_step = options.timeout_step;
  group.share_devices = options.share_devices;
  if (!launch.distributed()) return ProcessGroup::connect(launch, nullptr, group);
  auto store = JobStore::connect(launch, options.timeout_init, options.peers);
  if (options.peers == Peers::kForeign) return ProcessGroup::connect(launch, std::move(store), group);
  JobMonitor::Options watch = JobMonitor::Options::of(launch, *store);
  watch.before_end = [](const std::string& message, bool secondary) {
    write_error_file(launcher_error_file(process_environment()), {.message = message, .secondary = secondary});
  };
  auto monitor = std::make_shared<JobMonitor>(*store, watch);
  return ProcessGroup::connect(launch, std::move(store), group, std::move(monitor));
}

}  // namespace canine
