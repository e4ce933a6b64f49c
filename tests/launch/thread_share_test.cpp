#include "canine/launch/thread_share.hpp"

#include <sched.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "canine/core/cpu_quota.hpp"
#include "canine/core/errors.hpp"

namespace canine {
namespace {

struct Row {
  const char* name;
  int own, launchers, local_world;
  Launcher launcher;
  const char* omp;
  int flag;
  int threads;
  const char* reason;
};

TEST_CASE("thread share: the affinity mask divided among those who share it") {
  const Row rows[] = {
      {"one process", 16, 0, 1, Launcher::kSingle, "", 0, 16, "16 processors"},
      {"unbound ranks", 16, 16, 4, Launcher::kTorchrun, "", 0, 4, "16 processors shared by 4 processes"},
      {"launcher unknown", 16, 0, 4, Launcher::kSelf, "", 0, 4, "16 processors shared by 4 processes"},
      {"bound to a core each", 1, 16, 2, Launcher::kOpenMpi, "", 0, 1, "bound to 1 of 16 processors"},
      {"bound to their quarter", 4, 16, 4, Launcher::kOpenMpi, "", 0, 4, "bound to 4 of 16 processors"},
      {"two to a socket", 8, 16, 4, Launcher::kOpenMpi, "", 0, 4, "16 processors shared by 4 processes"},
      {"more ranks than processors", 2, 2, 5, Launcher::kSelf, "", 0, 1, "2 processors shared by 5 processes"},
      {"uneven", 7, 7, 2, Launcher::kSelf, "", 0, 3, "7 processors shared by 2 processes"},
      {"torchrun's 1", 16, 16, 4, Launcher::kTorchrun, "1", 0, 4,
       "16 processors shared by 4 processes, not torchrun's OMP_NUM_THREADS=1"},
      {"1 by hand", 16, 16, 4, Launcher::kEnv, "1", 0, 1, "OMP_NUM_THREADS=1"},
      {"another value", 16, 16, 4, Launcher::kTorchrun, "2", 0, 2, "OMP_NUM_THREADS=2"},
      {"a list per level", 16, 16, 4, Launcher::kTorchrun, "3,2", 0, 3, "OMP_NUM_THREADS=3,2"},
      {"1 without other ranks", 16, 16, 1, Launcher::kTorchrun, "1", 0, 1, "OMP_NUM_THREADS=1"},
      {"1 under mpirun", 16, 16, 4, Launcher::kOpenMpi, "1", 0, 1, "OMP_NUM_THREADS=1"},
      {"nonsense", 16, 16, 4, Launcher::kSelf, "all", 0, 4, "16 processors shared by 4 processes"},
      {"zero", 16, 16, 4, Launcher::kSelf, "0", 0, 4, "16 processors shared by 4 processes"},
      {"flag", 16, 16, 4, Launcher::kTorchrun, "2", 7, 7, "--num-threads"},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    const ThreadShare share = share_threads({row.own, row.launchers, row.local_world, row.launcher, row.omp, row.flag});
    CHECK(share.threads == row.threads);
    CHECK(share.reason == std::string(row.reason));
  }
}

TEST_CASE("thread share: a CPU quota counts where it is worth less than the processors") {
  struct QuotaRow {
    const char* name;
    double own, launchers;
    int local_world;
    const char* omp;
    int threads;
    const char* reason;
  };
  const QuotaRow rows[] = {
      {"none", 0, 0, 1, "", 16, "16 processors"},
      {"half a processor", 0.5, 0, 1, "", 1, "CPU quota of 0.5 processors"},
      {"one and a half", 1.5, 0, 1, "", 2, "CPU quota of 1.5 processors"},
      {"more than there are", 20, 0, 1, "", 16, "16 processors"},
      {"shared with the other ranks", 6, 6, 4, "", 2, "CPU quota of 6 processors shared by 4 processes"},
      {"of this rank alone", 3, 0, 4, "", 3, "CPU quota of 3 processors"},
      {"worth more than the share", 12, 0, 4, "", 4, "16 processors shared by 4 processes"},
      {"asked for by OpenMP's variable", 1, 0, 1, "5", 5, "OMP_NUM_THREADS=5"},
  };
  for (const QuotaRow& row : rows) {
    INFO(row.name);
    ThreadShareInput input;
    input.own_processors = input.launcher_processors = 16;
    input.local_world = row.local_world;
    input.omp_num_threads = row.omp;
    input.own_quota = row.own;
    input.launcher_quota = row.launchers;
    const ThreadShare share = share_threads(input);
    CHECK(share.threads == row.threads);
    CHECK(share.reason == std::string(row.reason));
  }
}

TEST_CASE("thread share refuses a negative flag") {
  ThreadShareInput input;
  input.num_threads = -1;
  CHECK_THROWS_AS(share_threads(input), UsageError);
}

TEST_CASE("thread share reads the masks of this process and of its launcher") {
  LaunchContext launch;
  launch.launcher = Launcher::kOpenMpi;
  launch.local_world = 2;
  HostFacts facts;
  facts.launcher_pid = ::getpid();
  const ThreadShareInput input = thread_share_input(launch, {{"OMP_NUM_THREADS", "3"}}, facts, 4);
  cpu_set_t mask;
  REQUIRE(::sched_getaffinity(0, sizeof mask, &mask) == 0);
  CHECK(input.own_processors == CPU_COUNT(&mask));
  CHECK(input.launcher_processors == CPU_COUNT(&mask));
  CHECK(input.own_quota == cpu_quota().value_or(0));
  CHECK(input.launcher_quota == input.own_quota);
  CHECK(input.local_world == 2);
  CHECK(input.launcher == Launcher::kOpenMpi);
  CHECK(input.omp_num_threads == "3");
  CHECK(input.num_threads == 4);
}

TEST_CASE("thread share under Slurm takes what the step may use on this host") {
  LaunchContext launch;
  launch.launcher = Launcher::kSlurm;
  launch.local_world = 2;
  CHECK(thread_share_input(launch, {{"SLURM_CPUS_ON_NODE", "24"}}, {}, 0).launcher_processors == 24);
}

}  // namespace
}  // namespace canine
