#pragma once

#include <string>

#include "canine/launch/launch_context.hpp"

namespace canine {

/// What decides how many threads a rank computes with.
///
/// Ranks need no word with each other: a launcher that binds nobody passes its own affinity mask on, so a rank whose
/// mask equals the launcher's shares it with all local ranks, while a bound rank has a smaller one. Both are covered by
/// min(own mask, launcher's mask / local ranks): bound to disjoint parts the first is the smaller, unbound the second,
/// and where several ranks are bound to one socket their fair part is the second again. This also holds in containers
/// and under taskset, where the mask is smaller than the machine for all.
///
/// A CPU quota limits the sum of all threads' time, whatever the mask says; more threads than it is worth only stand
/// still together. A rank whose quota is its launcher's shares it with all local ranks.
struct ThreadShareInput {
  int own_processors = 1;       ///< in the affinity mask of this process
  int launcher_processors = 0;  ///< in that of its launcher, which all ranks of the host share; 0 = unknown
  int local_world = 1;
  Launcher launcher = Launcher::kSingle;
  std::string omp_num_threads;  ///< OMP_NUM_THREADS, "" = unset
  int num_threads = 0;          ///< --num-threads, 0 = not said
  double own_quota = 0;         ///< processors' time that this process may use (core/cpu_quota.hpp), 0 = no limit
  double launcher_quota = 0;    ///< the same of its launcher
};

struct ThreadShare {
  int threads = 1;
  std::string reason;  ///< "16 processors shared by 4 processes"
};

/// --num-threads wins, then OMP_NUM_THREADS (except the 1 that torchrun sets for several processes per host), then the
/// share above, at least 1. A pure function. Throws UsageError for a negative flag.
ThreadShare share_threads(const ThreadShareInput& input);

/// The input for this process. Under Slurm what the step may use on this host (SLURM_CPUS_ON_NODE) stands in for the
/// launcher's mask, since the step manager itself is not confined.
ThreadShareInput thread_share_input(const LaunchContext& launch, const Environment& environment, const HostFacts& facts,
                                    int num_threads);

}  // namespace canine
