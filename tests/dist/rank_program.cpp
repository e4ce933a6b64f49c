// A rank of a small job, for tests that kill, stop or delay processes: steps of one all-reduce each, with fault points.
#include <ATen/ops/full.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "canine/core/errors.hpp"
#include "canine/core/fault_injection.hpp"
#include "canine/core/log.hpp"
#include "canine/dist/job_monitor.hpp"
#include "canine/dist/process_group.hpp"

using namespace canine;
using namespace std::chrono_literals;

namespace {

constexpr int kSteps = 5;

int number(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoi(text);
}

LaunchContext launch_of_environment() {
  LaunchContext launch;
  launch.launcher = Launcher::kTorchrun;
  launch.rendezvous = Rendezvous::kTcp;
  launch.rank = launch.local_rank = number("RANK", 0);
  launch.world = launch.local_world = number("WORLD_SIZE", 1);
  launch.master_addr = "127.0.0.1";
  launch.master_port = number("MASTER_PORT", 0);
  launch.listen_fd = launch.rank == 0 ? number("TEST_LISTEN_FD", -1) : -1;
  return launch;
}

JobMonitor::Options monitor_options(const LaunchContext& launch, const JobStore& store) {
  JobMonitor::Options options = JobMonitor::Options::of(launch, store);
  options.beat = 100ms;
  options.grace = 1s;
  options.host = fmt::format("h{}", launch.rank);
  options.before_end = [](const std::string&, bool secondary) {
    print_stderr_line(secondary ? "secondary end" : "primary end");
  };
  return options;
}

void train(ProcessGroup& group) {
  for (int step = 0; step < kSteps; ++step) {
    group.enter(fmt::format("step {}: loading data", step));
    fault_point("loading", group.rank(), step);
    at::Tensor value = at::full({4}, 1.0);
    group.all_reduce(value, Reduction::kSum, fmt::format("the sum of step {}", step));
  }
}

int run(const LaunchContext& launch) {
  const auto store = JobStore::connect(launch, 20s);
  ProcessGroup::Options options;
  options.timeout_init = 20s;
  options.timeout_step = 1500ms;
  auto monitor = std::make_shared<JobMonitor>(*store, monitor_options(launch, *store));
  const auto group = ProcessGroup::connect(launch, store, options, std::move(monitor));
  try {
    train(*group);
    group->shut_down();
    return 0;
  } catch (const PeerError&) {
    throw;
  } catch (const Error& error) {
    group->report_fault(error.what());
    throw;
  }
}

}  // namespace

int main() {
  const LaunchContext launch = launch_of_environment();
  try {
    return run(launch);
  } catch (const Error& error) {
    print_stderr_line(fmt::format("[rank {}] error: {}", launch.rank, error.what()));
    return static_cast<int>(error.exit_code());
  }
}
