#include "canine/dist/local_place.hpp"

#include <torch/csrc/distributed/c10d/HashStore.hpp>

#include "dist/stores.hpp"
// LibTorch's CHECK must not win.
#undef CHECK

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <chrono>
#include <string>
#include <vector>

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;
using namespace std::chrono_literals;

/// Rank `rank` of `world` by RANK and WORLD_SIZE alone, which takes itself for the only one of its host.
LaunchContext by_hand(int rank, int world) {
  LaunchContext launch;
  launch.launcher = Launcher::kEnv;
  launch.rank = rank;
  launch.world = world;
  launch.local_rank_is_known = launch.local_world_is_known = false;
  return launch;
}

TEST_CASE("processes that only know their ranks find out who shares their host") {
  const auto memory = c10::make_intrusive<c10d::HashStore>();
  JobStore elsewhere(memory, "job");
  elsewhere.set("host/1", "another host");
  std::vector<LaunchContext> places(4);
  const auto errors = testing::in_ranks(4, [&](int rank) {
    if (rank == 1) return;
    JobStore store(memory, "job");
    places[static_cast<size_t>(rank)] = with_local_place(by_hand(rank, 4), store, 20s);
  });
  CHECK(errors == std::vector<std::string>(4));
  for (const int rank : {0, 2, 3}) {
    const LaunchContext& place = places[static_cast<size_t>(rank)];
    CHECK(place.local_world == 3);
    CHECK(place.local_rank == (rank == 0 ? 0 : rank - 1));
    CHECK(place.local_world_is_known);
    CHECK(place.local_rank_is_known);
  }
}

TEST_CASE("those who know their numbers keep them and wait for nobody") {
  JobStore store(c10::make_intrusive<c10d::HashStore>(), "job");
  LaunchContext known = by_hand(2, 4);
  known.local_rank = 1;
  known.local_world = 2;
  known.local_rank_is_known = known.local_world_is_known = true;
  const LaunchContext place = with_local_place(known, store, 20s);
  CHECK(place.local_rank == 1);
  CHECK(place.local_world == 2);
  CHECK(store.find("host/2"));  // for those who do not
  LaunchContext launched = by_hand(0, 4);
  launched.launcher = Launcher::kSlurm;
  CHECK(with_local_place(launched, store, 20s).local_world == 1);
}

TEST_CASE("a LOCAL_RANK is kept where it can be, and refused where it cannot") {
  for (const int given : {0, 1}) {
    JobStore store(c10::make_intrusive<c10d::HashStore>(), "job");
    store.set("host/1", "another host");
    LaunchContext launch = by_hand(0, 2);
    launch.local_rank = given;
    launch.local_rank_is_known = true;
    const std::string error = testing::error_of([&] { with_local_place(launch, store, 20s); });
    if (given == 0) {
      CHECK(error.empty());
    } else {
      CHECK_THAT(error,
                 ContainsSubstring("UsageError: LOCAL_RANK=1 does not fit: 1 of the 2 processes run on this host"));
    }
  }
}

TEST_CASE("a process that does not say where it is, is named") {
  JobStore store(c10::make_intrusive<c10d::HashStore>(), "job");
  CHECK_THAT(testing::error_of([&] { with_local_place(by_hand(0, 2), store, 100ms); }),
             ContainsSubstring("PeerError: the host of rank 1 (--timeout-init)"));
}

}  // namespace
}  // namespace canine
