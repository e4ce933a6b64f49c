#include "canine/launch/thread_share.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "canine/core/cpu_quota.hpp"
#include "canine/core/errors.hpp"
#include "variables.hpp"

namespace canine {
namespace {

/// The first number of "4" or "4,2" (one per nesting level); nullopt for what OpenMP would not take either.
std::optional<int> omp_threads(const std::string& text) {
  const std::string first = text.substr(0, text.find(','));
  int threads = 0;
  const auto [end, error] = std::from_chars(first.data(), first.data() + first.size(), threads);
  if (error != std::errc() || end != first.data() + first.size() || threads < 1) return std::nullopt;
  return threads;
}

/// 0 if the process is gone or hidden.
int processors_of(int pid) {
  cpu_set_t mask;
  if (pid <= 0 || ::sched_getaffinity(pid, sizeof mask, &mask) != 0) return 0;
  return CPU_COUNT(&mask);
}

ThreadShare share_of_mask(const ThreadShareInput& input) {
  const int all = std::max(input.own_processors, input.launcher_processors);
  const int fair = all / std::max(1, input.local_world);
  if (input.local_world == 1) {
    return {std::max(1, input.own_processors), fmt::format("{} processors", input.own_processors)};
  }
  if (input.own_processors < all && input.own_processors <= fair) {
    return {std::max(1, input.own_processors), fmt::format("bound to {} of {} processors", input.own_processors, all)};
  }
  return {std::clamp(fair, 1, std::max(1, input.own_processors)),
          fmt::format("{} processors shared by {} processes", all, input.local_world)};
}

/// The part of the quota, where that is worth fewer threads than the part of the processors.
ThreadShare within_quota(const ThreadShareInput& input, const ThreadShare& share) {
  if (input.own_quota <= 0) return share;
  const bool shared = input.local_world > 1 && input.launcher_quota == input.own_quota;
  const int threads = threads_of_quota(shared ? input.own_quota / input.local_world : input.own_quota);
  if (threads >= share.threads) return share;
  const std::string quota = fmt::format("CPU quota of {:.3g} processors", input.own_quota);
  return {threads, shared ? fmt::format("{} shared by {} processes", quota, input.local_world) : quota};
}

}  // namespace

ThreadShare share_threads(const ThreadShareInput& input) {
  if (input.num_threads < 0) throw UsageError("--num-threads {} must be at least 1", input.num_threads);
  if (input.num_threads > 0) return {input.num_threads, "--num-threads"};
  const std::optional<int> omp = omp_threads(input.omp_num_threads);
  const bool forced = omp == 1 && input.launcher == Launcher::kTorchrun && input.local_world > 1;
  if (omp && !forced) return {*omp, fmt::format("OMP_NUM_THREADS={}", input.omp_num_threads)};
  ThreadShare share = within_quota(input, share_of_mask(input));
  if (forced) share.reason += ", not torchrun's OMP_NUM_THREADS=1";
  return share;
}

ThreadShareInput thread_share_input(const LaunchContext& launch, const Environment& environment, const HostFacts& facts,
                                    int num_threads) {
  const Variables variables(environment);
  ThreadShareInput input;
  input.own_processors = std::max(1, processors_of(::getpid()));
  input.own_quota = cpu_quota().value_or(0);
  if (launch.launcher == Launcher::kSlurm) {
    input.launcher_processors = variables.find_number("SLURM_CPUS_ON_NODE", 1).value_or(0);
    input.launcher_quota = input.own_quota;  // the step's
  } else if (launch.local_world > 1) {
    input.launcher_processors = processors_of(facts.launcher_pid);
    input.launcher_quota = cpu_quota(facts.launcher_pid).value_or(0);
  }
  input.local_world = launch.local_world;
  input.launcher = launch.launcher;
  input.omp_num_threads = variables.text("OMP_NUM_THREADS");
  input.num_threads = num_threads;
  return input;
}

}  // namespace canine
