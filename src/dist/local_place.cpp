#include "canine/dist/local_place.hpp"

#include <fmt/format.h>

#include <string>

#include "canine/core/errors.hpp"
#include "local_network.hpp"

namespace canine {
namespace {

std::string key_of(int rank) { return fmt::format("host/{}", rank); }

}  // namespace

LaunchContext with_local_place(LaunchContext launch, JobStore& store, std::chrono::milliseconds timeout) {
  if (launch.launcher != Launcher::kEnv || !launch.distributed()) return launch;
  const std::string own = host_identity();
  store.set(key_of(launch.rank), own);
  if (launch.local_world_is_known) return launch;
  int here = 0;
  int before = 0;  // of lower rank
  for (int rank = 0; rank < launch.world; ++rank) {
    const std::string host =
        store.wait(key_of(rank), timeout, fmt::format("the host of rank {} (--timeout-init)", rank));
    if (host != own) continue;
    ++here;
    if (rank < launch.rank) ++before;
  }
  launch.local_world = here;
  if (!launch.local_rank_is_known) launch.local_rank = before;
  launch.local_rank_is_known = launch.local_world_is_known = true;
  if (launch.local_rank >= here) {
    throw UsageError(
        "LOCAL_RANK={} does not fit: {} of the {} processes run on this host, and local ranks count from 0; correct it "
        "or leave it out",
        launch.local_rank, here, launch.world);
  }
  return launch;
}

}  // namespace canine
