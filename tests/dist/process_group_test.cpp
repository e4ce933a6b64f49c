#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <torch/csrc/distributed/c10d/HashStore.hpp>
// LibTorch's CHECK must not win.
#undef CHECK

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/dist/process_group.hpp"
#include "dist/ranks.hpp"
#include "dist/stores.hpp"

using namespace canine;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using testing::run_ranks;
using testing::try_ranks;
using Group = std::shared_ptr<ProcessGroup>;

TEST_CASE("sum, maximum and minimum over ranks", "[process_group]") {
  const auto results = run_ranks(3, [](const Group& group) {
    std::vector<double> values;
    for (const Reduction reduction : {Reduction::kSum, Reduction::kMax, Reduction::kMin}) {
      at::Tensor value = at::full({1}, group->rank() + 1.0, at::kDouble);
      group->all_reduce(value, reduction, "a value");
      values.push_back(value.item<double>());
    }
    return values;
  });
  for (const auto& values : results) CHECK(values == std::vector<double>{6, 3, 1});
}

TEST_CASE("a broadcast brings the root's tensor and text to all", "[process_group]") {
  const auto results = run_ranks(2, [](const Group& group) {
    at::Tensor tensor = at::full({3}, group->rank(), at::kLong);
    group->broadcast(tensor, 1, "a tensor");
    const std::string text = group->broadcast_text(group->rank() == 1 ? std::string("a\0b", 3) : "other", 1, "a text");
    const std::string empty = group->broadcast_text("", 0, "nothing");
    return tensor.sum().item<int64_t>() == 3 && text == std::string("a\0b", 3) && empty.empty();
  });
  CHECK(results == std::vector<bool>{true, true});
}

TEST_CASE("texts of different lengths are gathered by rank", "[process_group]") {
  const std::vector<std::string> expected = {"", "one", std::string(5000, 'x')};
  const auto results = run_ranks(3, [&](const Group& group) {
    return group->all_gather_text(expected[static_cast<size_t>(group->rank())], "the texts");
  });
  for (const auto& texts : results) CHECK(texts == expected);
  CHECK(run_ranks(2, [](const Group& group) { return group->all_gather_text("", "nothing").size(); }) ==
        std::vector<size_t>{2, 2});
}

TEST_CASE("a pending collective runs beside other work and is waited for once", "[process_group]") {
  const auto results = run_ranks(2, [](const Group& group) {
    at::Tensor first = at::arange(4), second = at::full({1}, 1.0);
    PendingCollective pending = group->start_all_reduce(first, Reduction::kSum, "the first");
    const bool was_pending = pending.pending();
    PendingCollective other = group->start_all_reduce(second, Reduction::kMax, "the second");
    pending.wait();
    pending.wait();
    other.wait();
    return was_pending && !pending.pending() && first.sum().item<int64_t>() == 12;
  });
  CHECK(results == std::vector<bool>{true, true});
}

TEST_CASE("one process needs no store and waits for nobody", "[process_group]") {
  const Group group = ProcessGroup::single();
  CHECK(group->world() == 1);
  CHECK(group->backend() == "none");
  CHECK(group->is_main());
  at::Tensor value = at::full({1}, 5.0);
  group->all_reduce(value, Reduction::kMax, "a value");
  group->broadcast(value, 0, "a value");
  CHECK(value.item<double>() == 5);
  CHECK_FALSE(group->start_all_reduce(value, Reduction::kSum, "a value").pending());
  CHECK(group->all_gather_text("text", "a text") == std::vector<std::string>{"text"});
  CHECK(group->broadcast_text("text", 0, "a text") == "text");
  group->barrier("nobody");
  group->shut_down();
}

TEST_CASE("a collective that a rank does not come to fails at its deadline by name", "[process_group]") {
  testing::RankSettings settings;
  settings.group.timeout_step = 400ms;
  std::mutex mutex;
  std::condition_variable changed;
  bool over = false;
  const auto failures = try_ranks(
      2,
      [&](const Group& group) {
        if (group->rank() == 1) {  // stays, and does not come
          std::unique_lock lock(mutex);
          changed.wait(lock, [&] { return over; });
          return;
        }
        const auto error = testing::error_of([&] { group->barrier("the gradients of step 12"); });
        {
          const std::lock_guard lock(mutex);
          over = true;
        }
        changed.notify_one();
        throw std::runtime_error(error);
      },
      settings);
  CHECK_THAT(failures.message(0), ContainsSubstring("PeerError: rank 0 of 2: the gradients of step 12 failed: not all "
                                                    "ranks came to it within 0.4 s (--timeout-step)"));
  CHECK_THAT(failures.message(0), !ContainsSubstring("frame #"));
}

TEST_CASE("the deadline of a step can be changed for all backends", "[process_group]") {
  testing::RankSettings settings;
  settings.group.timeout_step = 20s;
  std::mutex mutex;
  std::condition_variable changed;
  bool over = false;
  const auto failures = try_ranks(
      2,
      [&](const Group& group) {
        group->barrier("the first step");
        group->set_step_timeout(300ms);
        if (group->rank() == 1) {
          std::unique_lock lock(mutex);
          changed.wait(lock, [&] { return over; });
          return;
        }
        const auto error = testing::error_of([&] { group->barrier("the second step"); });
        {
          const std::lock_guard lock(mutex);
          over = true;
        }
        changed.notify_one();
        throw std::runtime_error(error);
      },
      settings);
  CHECK_THAT(failures.message(0), ContainsSubstring("the second step failed: not all ranks came to it within 0.3 s"));
}

TEST_CASE("a lost peer is told from a late one", "[process_group]") {
  const auto failures = try_ranks(2, [](const Group& group) {
    group->barrier("the start");
    if (group->rank() == 1) throw std::runtime_error("disk full");
    group->barrier("the gradients of step 3");
  });
  CHECK(failures.is<PeerError>(0));
  CHECK_THAT(failures.message(0), ContainsSubstring("the gradients of step 3 failed: a peer is lost ("));
}

TEST_CASE("after the orderly end a collective is an error and nothing waits", "[process_group]") {
  const auto failures = try_ranks(2, [](const Group& group) {
    group->shut_down();
    group->shut_down();
    group->barrier("too late");
  });
  CHECK(failures.is<InternalError>(0));
  CHECK_THAT(failures.message(1), ContainsSubstring("too late"));
}

TEST_CASE("rank 0 serves the store until all have left", "[process_group]") {
  const testing::Port port;
  const auto errors = testing::in_ranks(3, [&](int rank) {
    const auto launch = port.launch(rank, 3);
    auto store = JobStore::connect(launch, 20s);
    ProcessGroup::Options options;
    options.timeout_init = options.timeout_step = 20s;
    const auto group = ProcessGroup::connect(launch, std::move(store), options);
    at::Tensor value = at::full({1}, 1.0);
    group->all_reduce(value, Reduction::kSum, "a value");
    if (value.item<double>() != 3) throw std::runtime_error("a wrong sum");
    group->shut_down();
  });
  CHECK(errors == std::vector<std::string>(3));
}

TEST_CASE("a group over a store file", "[process_group]") {
  const testing::TemporaryFolder folder;
  const auto errors = testing::in_ranks(2, [&](int rank) {
    LaunchContext launch = testing::tcp_launch(rank, 2, 0);
    launch.rendezvous = Rendezvous::kFile;
    launch.master_addr.clear();
    launch.store_file = folder.path() / "store";
    ProcessGroup::Options options;
    options.timeout_init = options.timeout_step = 20s;
    const auto group = ProcessGroup::connect(launch, JobStore::connect(launch, 20s), options);
    if (group->all_gather_text(std::to_string(rank), "ranks") != std::vector<std::string>{"0", "1"}) {
      throw std::runtime_error("wrong texts");
    }
    group->shut_down();
  });
  CHECK(errors == std::vector<std::string>(2));
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("a rank that does not come to connect is named", "[process_group]") {
  LaunchContext launch = testing::tcp_launch(0, 2, 0);
  ProcessGroup::Options options;
  options.timeout_init = 200ms;
  const auto store = std::make_shared<JobStore>(c10::make_intrusive<c10d::HashStore>(), "test");
  CHECK(testing::error_of([&] { ProcessGroup::connect(launch, store, options); }) ==
        "PeerError: the address of rank 1 (--timeout-init) did not come within 0.2 s");
}

TEST_CASE("backends that cannot be are usage errors", "[process_group]") {
  ProcessGroup::Options options;
  options.backend = "nccl";
  CHECK_THAT(testing::error_of([&] { ProcessGroup::connect({}, nullptr, options); }),
             ContainsSubstring("UsageError: --backend nccl: NCCL works on GPUs"));
  options.backend = "mpi";
  CHECK_THAT(testing::error_of([&] { ProcessGroup::connect({}, nullptr, options); }),
             ContainsSubstring("expected auto, nccl or gloo"));
}
