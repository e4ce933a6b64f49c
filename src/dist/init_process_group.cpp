#include "canine/dist/init_process_group.hpp"

#include "canine/dist/cuda_library.hpp"
#include "canine/dist/find_launch.hpp"
#include "canine/dist/job_monitor.hpp"
#include "canine/dist/local_place.hpp"

namespace canine {

c10::Device device_for(int local_rank) {
  const int count = num_visible_gpus();
  if (count == 0) return c10::Device(c10::DeviceType::CPU);
  return c10::Device(c10::DeviceType::CUDA, static_cast<c10::DeviceIndex>(local_rank % count));
}

std::shared_ptr<ProcessGroup> init_process_group(const InitOptions& options) {
  LaunchFlags flags;
  flags.init_method = options.init_method;
  LaunchContext launch = find_launch(flags);
  std::shared_ptr<JobStore> store;
  if (launch.distributed()) store = JobStore::connect(launch, options.timeout_init, options.peers);
  if (store && options.peers == Peers::kOurs) launch = with_local_place(launch, *store, options.timeout_init);
  ProcessGroup::Options group;
  group.backend = options.backend;
  group.device = options.device ? *options.device : device_for(launch.local_rank);
  group.timeout_init = options.timeout_init;
  group.timeout_step = options.timeout_step;
  group.share_devices = options.share_devices;
  if (!store || options.peers == Peers::kForeign) return ProcessGroup::connect(launch, std::move(store), group);
  auto monitor = std::make_shared<JobMonitor>(*store, JobMonitor::Options::of(launch, *store));
  return ProcessGroup::connect(launch, std::move(store), group, std::move(monitor));
}

}  // namespace canine
