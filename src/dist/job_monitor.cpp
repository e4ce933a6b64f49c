#include "canine/dist/job_monitor.hpp"

#include <fmt/ranges.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <ctime>
#include <exception>
#include <thread>
#include <utility>

#include "canine/core/errors.hpp"
#include "canine/core/host_name.hpp"
#include "canine/core/log.hpp"
#include "canine/launch/request_signals.hpp"
#include "job_monitor_state.hpp"

namespace canine {
namespace {

constexpr std::chrono::seconds kLongestLeave{2};
constexpr std::chrono::milliseconds kLongestReport{3000};

JobMonitor::Options with_host(JobMonitor::Options options) {
  options.validate();
  if (options.host.empty()) options.host = host_name();
  return options;
}

std::shared_ptr<JobStore> own_connection(const JobStore& store, const JobMonitor::Options& options) {
  try {
    return store.clone();
  } catch (const std::exception& error) {
    throw PeerError("{} takes no second connection of rank {}, which its signs of life need: {}", options.store_name,
                    options.rank, error.what());
  }
}

std::string wall_clock_time() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  std::array<char, 32> text{};
  ::gmtime_r(&now, &parts);
  std::strftime(text.data(), text.size(), "%H:%M:%S UTC", &parts);
  return text.data();
}

/// Requests to stop belong to the main thread; faults (SIGSEGV ...) stay with the thread that makes them.
void block_requests() {
  const sigset_t requests = request_signals();
  ::pthread_sigmask(SIG_BLOCK, &requests, nullptr);
}

}  // namespace

JobMonitor::Options JobMonitor::Options::of(const LaunchContext& launch, const JobStore& store) {
  const bool agent = launch.rendezvous == Rendezvous::kAgent;
  Options options;
  options.rank = launch.rank;
  options.world = launch.world;
  options.store_name = fmt::format("the store at {} ({})", store.place(), agent ? "the launcher's agent" : "rank 0");
  options.serves_store = launch.rank == 0 && !agent;
  return options;
}

void JobMonitor::Options::validate() const {
  if (world < 1 || rank < 0 || rank >= world) throw InternalError("no rank {} among {} of a monitor", rank, world);
  if (beat.count() <= 0) throw UsageError("signs of life every {} ms: expected a positive time", beat.count());
}

JobMonitor::State::State(const JobStore& job_store, const Options& monitor_options)
    : options(with_host(monitor_options)),
      store(own_connection(job_store, options)),
      signs(options.rank, options.world, silent_after()) {}

JobMonitor::JobMonitor(const JobStore& store, const Options& options)
    : state_(std::make_shared<State>(store, options)) {
  // Each shares the state, so that one that hangs in the network can be left behind.
  const auto thread_of = [this](void (State::*run)()) {
    return std::thread([state = state_, run] {
      block_requests();
      (state.get()->*run)();
    });
  };
  state_->messenger = thread_of(&State::run_messenger);
  state_->judge = thread_of(&State::run_judge);
}

JobMonitor::~JobMonitor() {
  State& state = *state_;
  std::unique_lock lock(state.mutex);
  state.closing = true;
  state.changed.notify_all();
  state.changed.wait_for(lock, kLongestLeave, [&] { return state.messenger_ended && state.judge_ended; });
  const bool messenger_ended = state.messenger_ended;
  const bool judge_ended = state.judge_ended;
  lock.unlock();
  messenger_ended ? state.messenger.join() : state.messenger.detach();
  judge_ended ? state.judge.join() : state.judge.detach();
}

void JobMonitor::enter(const std::string& activity) {
  const std::lock_guard lock(state_->mutex);
  state_->activity = activity;
  state_->activity_since = State::Clock::now();
}

JobMonitor::Wait::Wait(JobMonitor& monitor, const std::string& what, std::chrono::milliseconds deadline,
                       const std::string& flag, Counts counts)
    : monitor_(monitor) {
  const std::lock_guard lock(monitor_.state_->mutex);
  monitor_.state_->waits.push_back({what, flag, deadline, counts, State::Clock::now()});
}

JobMonitor::Wait::~Wait() {
  const std::lock_guard lock(monitor_.state_->mutex);
  monitor_.state_->waits.pop_back();
}

void JobMonitor::State::publish(std::unique_lock<std::mutex>& lock, const std::string& message, bool own) {
  if (report) return;
  if (own || faults.empty()) {
    report = PeerFault{options.rank, options.host, wall_clock_time(), message, own};
    report_since = Clock::now();
  }
  leaving = true;
  changed.notify_all();
  // A store that does not answer will not take it either; whoever serves it is the cause.
  const std::chrono::milliseconds patience = store_silent(Clock::now()) ? options.beat : kLongestReport;
  changed.wait_for(lock, patience, [&] {
    const bool delivered = (!report || report_written) && (!options.serves_store || read_by_all);
    return delivered || lost_since || messenger_ended;
  });
}

void JobMonitor::report_fault(const std::string& message) {
  std::unique_lock lock(state_->mutex);
  state_->publish(lock, message, /*own=*/true);
}

std::string JobMonitor::explain_failure() {
  State& state = *state_;
  std::unique_lock lock(state.mutex);
  const auto deadline = State::Clock::now() + state.options.beat * 7 / 2;
  state.explaining_since = State::Clock::now();
  state.changed.notify_all();
  std::string cause;
  while (cause = state.known_cause(State::Clock::now()), cause.empty()) {
    if (state.changed.wait_until(lock, deadline) == std::cv_status::timeout) break;
  }
  state.explaining_since.reset();
  const auto now = State::Clock::now();
  if (cause.empty() && state.store_silent(now)) {
    return fmt::format("{} does not answer for {}", state.options.store_name, seconds_text(now - state.last_contact));
  }
  if (cause.empty()) cause = fmt::format("{}", fmt::join(state.signs.gone(), "; "));
  // This rank ends now, and the ranks that fail because of that shall not take it for the cause.
  if (!cause.empty()) state.publish(lock, cause, /*own=*/false);
  return cause;
}

std::string JobMonitor::known_trouble() const {
  const std::lock_guard lock(state_->mutex);
  const std::string cause = state_->known_cause(State::Clock::now());
  return cause.empty() ? fmt::format("{}", fmt::join(state_->signs.gone(), "; ")) : cause;
}

void JobMonitor::finish() {
  State& state = *state_;
  std::unique_lock lock(state.mutex);
  state.finished = true;
  state.changed.notify_all();
  state.changed.wait_for(lock, kLongestLeave,
                         [&] { return state.last_sign_written || state.lost_since || state.messenger_ended; });
}

}  // namespace canine
