// One rank of a job, placed by its environment: adds up the ranks, prints one line.
#include <ATen/ops/full.h>
#include <fmt/format.h>

#include <cstdio>

#include "canine/core/errors.hpp"
#include "canine/dist/init_process_group.hpp"
#include "canine/dist/job_store.hpp"

namespace {

/// A launch whose variables and MPI disagree.
void refuse_wrong_size() {
  canine::LaunchContext launch;
  launch.launcher = canine::Launcher::kOpenMpi;
  launch.world = 5;
  launch.rendezvous = canine::Rendezvous::kMpi;
  canine::JobStore::connect(launch, std::chrono::seconds(20));
}

}  // namespace

int main(int argc, char**) try {
  if (argc > 1) refuse_wrong_size();
  canine::InitOptions options;
  options.device = c10::Device(c10::DeviceType::CPU);
  options.timeout_init = options.timeout_step = std::chrono::seconds(30);
  const auto group = canine::init_process_group(options);
  at::Tensor sum = at::full({1}, group->rank() + 1, at::kLong);
  group->all_reduce(sum, canine::Reduction::kSum, "the ranks");
  fmt::print("rank {} of {}: sum {}\n", group->rank(), group->world(), sum.item<int64_t>());
  group->shut_down();
  return 0;
} catch (const canine::Error& error) {
  fmt::print(stderr, "error: {}\n", error.what());
  return static_cast<int>(error.exit_code());
}
