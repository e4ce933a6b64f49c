#pragma once

#include <fmt/format.h>
#include <stdlib.h>
#include <torch/csrc/distributed/c10d/HashStore.hpp>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "canine/dist/process_group.hpp"

namespace canine::testing {

/// Gloo's record of its collectives belongs to the process and is not made for several groups at a time.
inline const int kNoFlightRecorder = ::setenv("TORCH_FR_BUFFER_SIZE", "0", 1);

/// How ranks in threads are run.
struct RankSettings {
  ProcessGroup::Options group;
  std::chrono::seconds deadline{60};  ///< after it the whole test program ends, since a thread cannot be called back

  RankSettings() {
    group.timeout_init = std::chrono::seconds(20);
    group.timeout_step = std::chrono::seconds(20);
  }
};

/// What became of each rank: how it failed (null = it did not), and the failed ranks, the first first.
struct RankFailures {
  std::vector<std::exception_ptr> by_rank;
  std::vector<int> order;

  /// The message of a rank's exception, "" if it ended well.
  std::string message(int rank) const {
    const std::exception_ptr& failure = by_rank.at(static_cast<size_t>(rank));
    if (!failure) return {};
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& error) {
      return error.what();
    } catch (...) {
      return "something that is no std::exception";
    }
  }

  /// Whether `rank` ended with an exception of type E.
  template <typename E>
  bool is(int rank) const {
    const std::exception_ptr& failure = by_rank.at(static_cast<size_t>(rank));
    if (!failure) return false;
    try {
      std::rethrow_exception(failure);
    } catch (const E&) {
      return true;
    } catch (...) {
      return false;
    }
  }
};

/// Place of rank `rank` of `world` ranks on this host, for a group whose store is there already.
inline LaunchContext rank_launch(int rank, int world) {
  LaunchContext launch;
  launch.launcher = Launcher::kTorchrun;
  launch.rank = launch.local_rank = rank;
  launch.world = launch.local_world = world;
  launch.rendezvous = Rendezvous::kTcp;
  launch.master_addr = "127.0.0.1";
  launch.because = "a test runs ranks as threads";
  return launch;
}

/// Runs `body(group)` on `world` threads, each with a group of its own over a store in memory, and returns how each
/// ended. A rank's group goes when its body ends or throws, as that of a process would.
///
/// Threads share what is global in LibTorch: give tensors explicitly, not by at::manual_seed, and assert on the main
/// thread only, since Catch2's macros belong to one thread.
inline RankFailures try_ranks(int world, const std::function<void(std::shared_ptr<ProcessGroup>)>& body,
                              const RankSettings& settings = {}) {
  struct Shared {
    std::mutex mutex;
    std::condition_variable ended;
    std::vector<bool> done;
    RankFailures failures;
  } shared;
  shared.done.resize(static_cast<size_t>(world));
  shared.failures.by_rank.resize(static_cast<size_t>(world));
  const auto memory = c10::make_intrusive<c10d::HashStore>();

  const auto run_rank = [&](int rank) {
    std::shared_ptr<ProcessGroup> group;
    try {
      const auto store = std::make_shared<JobStore>(memory, "canine/0");
      group = ProcessGroup::connect(rank_launch(rank, world), world == 1 ? nullptr : store, settings.group);
      body(group);
    } catch (...) {
      // Noted while the group still lives: ranks that fail because it goes come later.
      const std::lock_guard lock(shared.mutex);
      shared.failures.order.push_back(rank);
      shared.failures.by_rank[static_cast<size_t>(rank)] = std::current_exception();
    }
    group.reset();
    const std::lock_guard lock(shared.mutex);
    shared.done[static_cast<size_t>(rank)] = true;
    shared.ended.notify_one();
  };

  std::vector<std::thread> threads;
  for (int rank = 0; rank < world; ++rank) threads.emplace_back(run_rank, rank);
  {
    std::unique_lock lock(shared.mutex);
    const auto all_done = [&] {
      for (const bool done : shared.done) {
        if (!done) return false;
      }
      return true;
    };
    if (!shared.ended.wait_for(lock, settings.deadline, all_done)) {
      for (int rank = 0; rank < world; ++rank) {
        if (shared.done[static_cast<size_t>(rank)]) continue;
        fmt::print(stderr, "rank {} of {} has not ended after {} s\n", rank, world, settings.deadline.count());
      }
      std::fflush(nullptr);
      std::_Exit(EXIT_FAILURE);
    }
  }
  for (auto& thread : threads) thread.join();
  return std::move(shared.failures);
}

/// As try_ranks, for ranks that must end well: returns what the bodies returned, by rank (nothing for void), and
/// otherwise throws std::runtime_error with the messages of all failed ranks, the first first.
template <typename Body>
auto run_ranks(int world, const Body& body, const RankSettings& settings = {}) {
  using Result = std::invoke_result_t<const Body&, std::shared_ptr<ProcessGroup>>;
  const auto require_success = [](const RankFailures& failures) {
    if (failures.order.empty()) return;
    std::string text;
    for (const int rank : failures.order) text += fmt::format("[rank {}] {}\n", rank, failures.message(rank));
    throw std::runtime_error(text);
  };
  if constexpr (std::is_void_v<Result>) {
    require_success(try_ranks(world, body, settings));
  } else {
    std::vector<std::optional<Result>> results(static_cast<size_t>(world));
    require_success(try_ranks(
        world,
        [&](const std::shared_ptr<ProcessGroup>& group) {
          auto& result = results[static_cast<size_t>(group->rank())];
          result.emplace(body(group));
        },
        settings));
    std::vector<Result> values;
    for (auto& result : results) values.push_back(std::move(*result));
    return values;
  }
}

}  // namespace canine::testing
