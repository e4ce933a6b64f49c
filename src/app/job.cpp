#include "canine/app/job.hpp"

#include <c10/util/Exception.h>
#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "canine/core/clock.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/fault_injection.hpp"
#include "canine/core/log.hpp"
#include "canine/core/readable.hpp"
#include "canine/dist/find_launch.hpp"
#include "canine/dist/job_monitor.hpp"
#include "canine/dist/local_place.hpp"
#include "canine/launch/error_file.hpp"
#include "canine/launch/fault_reporter.hpp"
#include "canine/launch/parent_death.hpp"

namespace canine {
namespace {

constexpr double kSecondsToFirstWaitingLine = 5;
constexpr double kSecondsBetweenWaitingLines = 30;

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
}

/// Text of any exception, without LibTorch's stack traces.
std::string text_of(const std::exception& error) {
  const auto* c10_error = dynamic_cast<const c10::Error*>(&error);
  return c10_error != nullptr ? c10_error->what_without_backtrace() : error.what();
}

}  // namespace

LaunchContext find_place(const OptionSet& options, const LaunchSettings& settings) {
  LaunchFlags flags;
  flags.distributed = settings.distributed;
  if (settings.local_rank >= 0) flags.local_rank = settings.local_rank;
  if (options.given("world-size")) flags.world_size = settings.world_size;
  flags.init_method = settings.init_method;
  flags.single = settings.launcher == "single";
  const LaunchContext launch = find_launch(flags);
  if (launch.rank > 0) set_log_role(fmt::format("[rank {} host {}] ", launch.rank, host_facts().hostname), true);
  install_fault_reporter(launch.rank, launcher_error_file(process_environment()));
  end_with_launcher(launch);
  return launch;
}

struct Job::State {
  LaunchContext launch;
  ProcessGroup::Options group_options;
  std::shared_ptr<JobStore> store;
  std::shared_ptr<JobMonitor> monitor;  // until the group has it
  std::shared_ptr<ProcessGroup> group;
  int num_first = 0;  // text_of_first_process() calls so far, the same on all ranks

  void connect();
  std::string run_first(const std::string& what, const std::function<std::string()>& body) const;
  /// Waits for `key` as long as the others give signs of life, with a line now and then; its value.
  std::string wait_for_others(const std::string& key, const std::string& what);
  void report_fault(const std::string& message);
  void leave_store();
};

void Job::State::connect() {
  store = JobStore::connect(launch, group_options.timeout_init);
  launch = with_local_place(launch, *store, group_options.timeout_init);
}

Job::Job(const LaunchContext& launch, const LaunchSettings& settings) : state_(std::make_unique<State>()) {
  state_->launch = launch;
  ProcessGroup::Options& options = state_->group_options;
  options.backend = settings.backend;
  options.timeout_init = milliseconds(settings.timeout_init);
  options.timeout_step = milliseconds(settings.timeout_step);
  options.share_devices = settings.share_devices;
  if (!launch.local_world_is_known) state_->connect();
}

void Job::meet(c10::Device device) {
  state_->group_options.device = device;
  if (!launch().distributed()) return;
  if (!state_->store) state_->connect();
  state_->monitor = std::make_shared<JobMonitor>(*state_->store, JobMonitor::Options::of(launch(), *state_->store));
}

Job::~Job() = default;

const LaunchContext& Job::launch() const { return state_->launch; }

std::string Job::State::run_first(const std::string& what, const std::function<std::string()>& body) const {
  if (monitor) monitor->enter(what);
  fault_point("preparation", launch.rank, 0);
  return body();
}

std::string Job::State::wait_for_others(const std::string& key, const std::string& what) {
  monitor->enter(fmt::format("waiting for {}", what));
  const Stopwatch whole;
  double next_line = kSecondsToFirstWaitingLine;
  // No deadline: the others may have much to do. The mark lets the monitor look after them.
  const JobMonitor::Wait mark(*monitor, what, std::chrono::hours(24 * 365));
  const auto end_with_trouble = [&] {
    const std::string trouble = monitor->known_trouble();
    if (!trouble.empty()) {
      throw PeerError("rank {} of {}, waiting for {}: {}", launch.rank, launch.world, what, trouble);
    }
  };
  try {
    return store->wait_while(key, std::chrono::seconds(1), [&] {
      if (store->find(key)) return;  // come just now, and who has set it may have ended since
      end_with_trouble();
      if (whole.seconds() < next_line) return;
      next_line = whole.seconds() + kSecondsBetweenWaitingLines;
      print_stderr_line(fmt::format("{}waiting for {} ({})", log_tag(), what, format_duration(whole.seconds())));
    });
  } catch (const PeerError&) {
    end_with_trouble();  // the store may have gone with a rank 0 that has told why
    throw;
  }
}

void Job::State::report_fault(const std::string& message) {
  if (monitor) monitor->report_fault(message);
  if (group) group->report_fault(message);
}

/// The orderly end of a job whose processes have not joined a group: the first one may serve the others' store.
void Job::State::leave_store() {
  constexpr std::chrono::seconds kLeaving{10};
  monitor->finish();
  monitor.reset();  // its connection must go before the store
  store->leave(launch.rank, launch.world, kLeaving);
}

std::string Job::text_of_first_process(const std::string& what, const std::function<std::string()>& body) {
  if (!state_->launch.distributed()) return state_->run_first(what, body);
  const std::string key = fmt::format("first/{}", state_->num_first++);
  if (!is_main()) return state_->wait_for_others(key, what);
  const std::string text = state_->run_first(what, body);
  state_->store->set(key, text);
  return text;
}

void Job::in_first_process(const std::string& what, const std::function<void()>& body) {
  text_of_first_process(what, [&] {
    body();
    return std::string("done");
  });
}

std::shared_ptr<ProcessGroup> Job::join(const JobDigest& digest) {
  const auto& options = state_->group_options;
  if (!state_->launch.distributed()) return state_->group = ProcessGroup::single(options.device);
  fault_point("joining", state_->launch.rank, 0);
  digest.require_equal_on_all_ranks(
      *state_->store, state_->launch.rank, state_->launch.world,
      [this](const std::string& key, const std::string& what) { return state_->wait_for_others(key, what); });
  state_->group = ProcessGroup::connect(state_->launch, state_->store, options, std::move(state_->monitor));
  return state_->group;
}

int Job::run(const std::function<int()>& work) {
  try {
    const int code = work();
    if (state_->group) {
      state_->group->shut_down();
    } else if (state_->monitor) {
      state_->leave_store();
    }
    return code;
  } catch (const PeerError&) {
    throw;  // a consequence of another rank's fault, which that rank reports
  } catch (const std::exception& error) {
    state_->report_fault(text_of(error));
    throw;
  }
}

}  // namespace canine
