#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <string>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/launch/launch_context.hpp"
#include "launch/environments.hpp"

namespace canine {
namespace {

using namespace testing;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::EndsWith;

TEST_CASE("nothing set is one process without a rendezvous") {
  const LaunchContext context = resolve({});
  check_place(context, Launcher::kSingle, 0, 1, 0, 1);
  CHECK(context.rendezvous == Rendezvous::kNone);
  CHECK_FALSE(context.distributed());
  CHECK_FALSE(context.parent_is_launcher);
  CHECK(context.describe() == "launcher=single rank=0/1 local=0/1 because no launcher's variables are set");
}

TEST_CASE("--distributed alone stays single") {
  LaunchFlags flags;
  flags.distributed = true;
  check_place(resolve({}, flags), Launcher::kSingle, 0, 1, 0, 1);
}

TEST_CASE("torchrun with the agent's store") {
  const LaunchContext context = resolve(torchrun(1, 4, 1, 4));
  check_place(context, Launcher::kTorchrun, 1, 4, 1, 4);
  CHECK(context.rendezvous == Rendezvous::kAgent);
  CHECK(context.master_addr == "10.0.0.1");
  CHECK(context.master_port == 29500);
  CHECK(context.run_id.empty());
  CHECK(context.parent_is_launcher);
  CHECK(context.describe() ==
        "launcher=torchrun rank=1/4 local=1/4 because RANK, WORLD_SIZE and TORCHELASTIC_RUN_ID are set; "
        "the ranks meet at 10.0.0.1:29500");
}

TEST_CASE("torchrun on two nodes, restarted") {
  const LaunchContext context =
      resolve(with(torchrun(3, 4, 1, 2), {{"TORCHELASTIC_RUN_ID", "job7"}, {"TORCHELASTIC_RESTART_COUNT", "2"}}));
  check_place(context, Launcher::kTorchrun, 3, 4, 1, 2);
  CHECK(context.run_id == "job7");
  CHECK(context.restart == 2);
}

TEST_CASE("torchrun --virtual-local-rank gives all processes local rank 0") {
  check_place(resolve(torchrun(3, 4, 0, 4)), Launcher::kTorchrun, 3, 4, 0, 4);
}

TEST_CASE("an agent that does not serve a store leaves it to rank 0") {
  CHECK(resolve(with(torchrun(1, 2, 1, 2), {{"TORCHELASTIC_USE_AGENT_STORE", "False"}})).rendezvous ==
        Rendezvous::kTcp);
}

TEST_CASE("torchrun with one process needs no rendezvous") {
  const LaunchContext context = resolve({{"RANK", "0"}, {"WORLD_SIZE", "1"}, {"TORCHELASTIC_RUN_ID", "none"}});
  check_place(context, Launcher::kTorchrun, 0, 1, 0, 1);
  CHECK(context.rendezvous == Rendezvous::kNone);
  CHECK_THAT(context.describe(), EndsWith("are set"));
}

TEST_CASE("torch.distributed.launch says the local rank by variable, by flag, or both") {
  LaunchFlags flags;
  flags.local_rank = 1;
  check_place(resolve(torchrun(1, 2, 1, 2), flags), Launcher::kTorchrun, 1, 2, 1, 2);
  const Environment old = without(torchrun(3, 4, 1, 2), {"LOCAL_RANK", "TORCHELASTIC_RUN_ID"});
  check_place(resolve(old, flags), Launcher::kEnv, 3, 4, 1, 2);
  flags.local_rank = -1;
  check_place(resolve(torchrun(1, 2, 1, 2), flags), Launcher::kTorchrun, 1, 2, 1, 2);
}

TEST_CASE("RANK by hand: on one host local numbers follow, and the shell is no launcher to end with") {
  const Environment environment = {
      {"RANK", "1"}, {"WORLD_SIZE", "3"}, {"MASTER_ADDR", "127.0.0.1"}, {"MASTER_PORT", "4000"}};
  const LaunchContext context = resolve(environment);
  check_place(context, Launcher::kEnv, 1, 3, 1, 3);
  CHECK(context.rendezvous == Rendezvous::kTcp);
  CHECK_FALSE(context.parent_is_launcher);
  check_place(resolve(with(environment, {{"MASTER_ADDR", "alpha"}})), Launcher::kEnv, 1, 3, 1, 3);
}

TEST_CASE("RANK by hand: what the local numbers are is a guess until the processes have met") {
  const Environment named = {{"RANK", "1"}, {"WORLD_SIZE", "3"}, {"MASTER_ADDR", "alpha"}, {"MASTER_PORT", "4000"}};
  CHECK_FALSE(resolve(named).local_world_is_known);
  CHECK_FALSE(resolve(named).local_rank_is_known);
  const LaunchContext half = resolve(with(named, {{"LOCAL_RANK", "1"}, {"MASTER_ADDR", "beta"}}));
  check_place(half, Launcher::kEnv, 1, 3, 1, 2);
  CHECK(half.local_rank_is_known);
  CHECK_FALSE(half.local_world_is_known);
  for (const Environment& whole : {with(named, {{"LOCAL_WORLD_SIZE", "3"}}), torchrun(1, 4, 1, 4), slurm_step(),
                                   Environment{{"RANK", "0"}, {"WORLD_SIZE", "1"}}, Environment{}}) {
    CHECK(resolve(whole).local_world_is_known);
    CHECK(resolve(whole).local_rank_is_known);
  }
}

TEST_CASE("RANK by hand: across hosts no LOCAL_RANK means one process per host") {
  check_place(resolve({{"RANK", "1"}, {"WORLD_SIZE", "3"}, {"MASTER_ADDR", "beta"}, {"MASTER_PORT", "4000"}}),
              Launcher::kEnv, 1, 3, 0, 1);
}

TEST_CASE("an inner launcher hides the outer ones and says so") {
  const LaunchContext context = resolve(with(with(open_mpi(0, 1, 0, 1), slurm_step()), torchrun(1, 2, 1, 2)));
  check_place(context, Launcher::kTorchrun, 1, 2, 1, 2);
  CHECK(context.rendezvous == Rendezvous::kAgent);
  CHECK_THAT(context.because, ContainsSubstring("(OMPI_COMM_WORLD_RANK, SLURM_PROCID not used)"));
}

TEST_CASE("Open MPI asks MPI for the address, on one node and on two") {
  for (const int local_world : {4, 2}) {
    const LaunchContext context = resolve(with(open_mpi(3, 4, 1, local_world), {{"MASTER_ADDR", "local-only"}}));
    check_place(context, Launcher::kOpenMpi, 3, 4, 1, local_world);
    CHECK(context.rendezvous == Rendezvous::kMpi);
    CHECK(context.parent_is_launcher);
    CHECK_THAT(context.describe(), EndsWith("; the ranks meet through MPI"));
  }
}

TEST_CASE("MASTER_ADDR together with MASTER_PORT wins over MPI") {
  const Environment address = {{"MASTER_ADDR", "alpha"}, {"MASTER_PORT", "4000"}};
  for (const auto& start : {open_mpi(3, 4, 1, 2), open_mpi(1, 2, 1, 2), hydra(1, 2, 1, 2)}) {
    const LaunchContext context = resolve(with(start, address));
    CHECK(context.rendezvous == Rendezvous::kTcp);
    CHECK(context.master_addr == "alpha");
    CHECK(context.master_port == 4000);
    CHECK_THAT(context.describe(), EndsWith("; the ranks meet at alpha:4000"));
  }
}

TEST_CASE("Open MPI without a usable plug-in: a file on one node, MASTER_ADDR on two, else a message") {
  HostFacts host = facts();
  host.mpi_problem = "canine_mpi.so cannot be opened: libmpi.so.40 is missing";
  const LaunchContext one = resolve_launch(open_mpi(1, 2, 1, 2), {}, host);
  CHECK(one.rendezvous == Rendezvous::kFile);
  CHECK(one.store_file == "/tmp/canine-1000-4711-99.store");
  CHECK_THAT(one.describe(), ContainsSubstring("libmpi.so.40 is missing") &&
                                 EndsWith("; the ranks meet through the file /tmp/canine-1000-4711-99.store"));
  const Environment address = {{"MASTER_ADDR", "alpha"}, {"MASTER_PORT", "4000"}};
  const LaunchContext two = resolve_launch(with(open_mpi(3, 4, 1, 2), address), {}, host);
  CHECK(two.rendezvous == Rendezvous::kTcp);
  CHECK(two.master_addr == "alpha");
  const std::string text = refusal(open_mpi(3, 4, 1, 2), {}, host);
  CHECK_THAT(text, ContainsSubstring("MASTER_ADDR is not set") && ContainsSubstring("libmpi.so.40 is missing"));
}

TEST_CASE("mpirun inside a Slurm allocation is mpirun") {
  check_place(resolve(with(slurm_step(), open_mpi(0, 2, 0, 2))), Launcher::kOpenMpi, 0, 2, 0, 2);
}

TEST_CASE("MPICH and Intel MPI") {
  const LaunchContext context = resolve(hydra(1, 2, 1, 2));
  check_place(context, Launcher::kPmi, 1, 2, 1, 2);
  CHECK(context.rendezvous == Rendezvous::kFile);
  CHECK_THAT(refusal(hydra(3, 4, 1, 2)), ContainsSubstring("MASTER_ADDR"));
  const Environment address = {{"MASTER_ADDR", "alpha"}, {"MASTER_PORT", "4000"}};
  CHECK(resolve(with(hydra(3, 4, 1, 2), address)).rendezvous == Rendezvous::kTcp);
}

TEST_CASE("a launcher's second job on the host gets another store file") {
  HostFacts later = facts();
  later.launcher_process = "4711-100";
  CHECK(resolve_launch(hydra(1, 2, 1, 2), {}, later).store_file != resolve(hydra(1, 2, 1, 2)).store_file);
}

TEST_CASE("MVAPICH and PALS") {
  check_place(resolve({{"MV2_COMM_WORLD_RANK", "1"},
                       {"MV2_COMM_WORLD_SIZE", "2"},
                       {"MV2_COMM_WORLD_LOCAL_RANK", "1"},
                       {"MV2_COMM_WORLD_LOCAL_SIZE", "2"}}),
              Launcher::kPmi, 1, 2, 1, 2);
  check_place(resolve({{"PMI_RANK", "1"}, {"PMI_SIZE", "2"}, {"PMI_LOCAL_RANK", "1"}, {"PMI_LOCAL_SIZE", "2"}}),
              Launcher::kPmi, 1, 2, 1, 2);
}

TEST_CASE("PMIX_RANK alone needs the number of processes") {
  CHECK_THAT(refusal({{"PMIX_RANK", "1"}}), ContainsSubstring("--world-size"));
  LaunchFlags flags;
  flags.world_size = 2;
  check_place(resolve({{"PMIX_RANK", "1"}}, flags), Launcher::kPmi, 1, 2, 1, 2);
}

TEST_CASE("a Slurm step: master is the first host, the port comes from the job id") {
  const LaunchContext context = resolve(slurm_step());
  check_place(context, Launcher::kSlurm, 3, 5, 1, 3);
  CHECK(context.rendezvous == Rendezvous::kTcp);
  CHECK(context.master_addr == "node01");
  CHECK(context.master_port == 16384 + 100);
  CHECK(context.run_id == "100.0");
  CHECK_FALSE(context.parent_is_launcher);
}

TEST_CASE("Slurm ports differ between jobs and steps, and stay in their range") {
  const int port = resolve(slurm_step()).master_port;
  CHECK(resolve(with(slurm_step(), {{"SLURM_JOB_ID", "101"}})).master_port != port);
  CHECK(resolve(with(slurm_step(), {{"SLURM_STEP_ID", "1"}})).master_port != port);
  const int large = resolve(with(slurm_step(), {{"SLURM_JOB_ID", "2147483647"}, {"SLURM_STEP_ID", "77"}})).master_port;
  CHECK((large >= 16384 && large < 32768));
}

TEST_CASE("Slurm: MASTER_ADDR and MASTER_PORT win, one node needs no name resolution") {
  const LaunchContext context = resolve(with(slurm_step(), {{"MASTER_ADDR", "ib0"}, {"MASTER_PORT", "4000"}}));
  CHECK(context.master_addr == "ib0");
  CHECK(context.master_port == 4000);
  const Environment one_node = with(
      slurm_step(), {{"SLURM_STEP_NODELIST", "node02"}, {"SLURM_STEP_TASKS_PER_NODE", "5"}, {"SLURM_NODEID", "0"}});
  CHECK(resolve(one_node).master_addr == "127.0.0.1");
}

TEST_CASE("Slurm: tasks of this host from counts or from the list of ranks") {
  const Environment no_counts = without(slurm_step(), {"SLURM_STEP_TASKS_PER_NODE"});
  CHECK(resolve(with(no_counts, {{"SLURM_GTIDS", "2,3,4"}})).local_world == 3);
  CHECK_THAT(refusal(no_counts), ContainsSubstring("SLURM_STEP_TASKS_PER_NODE"));
}

TEST_CASE("Slurm: batch scripts, shells of salloc and steps of one task are single") {
  const Environment script = {{"SLURM_JOB_ID", "100"},
                              {"SLURM_NTASKS", "5"},
                              {"SLURM_PROCID", "0"},
                              {"SLURM_LOCALID", "0"},
                              {"SLURM_JOB_NODELIST", "n1"}};
  check_place(resolve(script), Launcher::kSingle, 0, 1, 0, 1);
  check_place(resolve(with(script, {{"SLURM_STEP_ID", "batch"}})), Launcher::kSingle, 0, 1, 0, 1);
  check_place(resolve(with(script, {{"SLURM_STEP_ID", "4294967290"}})), Launcher::kSingle, 0, 1, 0, 1);
  const LaunchContext one =
      resolve(with(script, {{"SLURM_STEP_ID", "0"}, {"SLURM_STEP_NUM_TASKS", "1"}, {"SLURM_PROCID", "0"}}));
  check_place(one, Launcher::kSingle, 0, 1, 0, 1);
}

TEST_CASE("srun's own PMI leaves the local numbers to the step") {
  check_place(resolve(with(slurm_step(), {{"PMI_RANK", "3"}, {"PMI_SIZE", "5"}, {"PMIX_RANK", "3"}})), Launcher::kSlurm,
              3, 5, 1, 3);
}

TEST_CASE("self launch: the parent is known and rank 0 inherits a socket") {
  const Environment environment = {{"CANINE_SELF_LAUNCH", "77"}, {"CANINE_LISTEN_FD", "5"}, {"RANK", "0"},
                                   {"WORLD_SIZE", "2"},          {"LOCAL_RANK", "0"},       {"LOCAL_WORLD_SIZE", "2"},
                                   {"MASTER_ADDR", "127.0.0.1"}, {"MASTER_PORT", "4000"}};
  const LaunchContext context = resolve(environment);
  check_place(context, Launcher::kSelf, 0, 2, 0, 2);
  CHECK(context.rendezvous == Rendezvous::kTcp);
  CHECK(context.listen_fd == 5);
  CHECK(context.launcher_pid == 77);
  CHECK(context.parent_is_launcher);
  const LaunchContext other = resolve(with(environment, {{"RANK", "1"}, {"LOCAL_RANK", "1"}}));
  CHECK(other.listen_fd == -1);
}

struct Refused {
  std::string name;
  Environment environment;
  std::string expected;
};

TEST_CASE("impossible and contradictory variables are refused by name") {
  const Refused cases[] = {
      {"rank too large", torchrun(4, 4, 0, 4), "RANK=4 must be below WORLD_SIZE=4"},
      {"local rank too large", torchrun(2, 4, 2, 2), "LOCAL_RANK=2 must be below LOCAL_WORLD_SIZE=2"},
      {"local world too large", torchrun(1, 2, 1, 3), "LOCAL_WORLD_SIZE=3 is more than WORLD_SIZE=2"},
      {"not a number", with(torchrun(1, 2, 1, 2), {{"RANK", "one"}}), "RANK='one'"},
      {"trailing text", with(torchrun(1, 2, 1, 2), {{"WORLD_SIZE", "2 x"}}), "WORLD_SIZE='2 x'"},
      {"negative", with(torchrun(1, 2, 1, 2), {{"RANK", "-1"}}), "RANK='-1'"},
      {"too large for int", with(torchrun(1, 2, 1, 2), {{"WORLD_SIZE", "99999999999"}}), "WORLD_SIZE='99999999999'"},
      {"no processes", with(torchrun(0, 1, 0, 1), {{"WORLD_SIZE", "0"}}), "WORLD_SIZE='0'"},
      {"rank alone", {{"RANK", "0"}}, "WORLD_SIZE is not set"},
      {"world alone", {{"WORLD_SIZE", "4"}}, "WORLD_SIZE=4 is set, but RANK is not"},
      {"local rank alone", {{"LOCAL_RANK", "1"}}, "LOCAL_RANK=1 is set, but RANK is not"},
      {"no address", without(torchrun(1, 2, 1, 2), {"MASTER_ADDR"}), "MASTER_ADDR is not set"},
      {"no address and no local world", without(torchrun(1, 2, 1, 2), {"MASTER_ADDR", "LOCAL_WORLD_SIZE"}),
       "MASTER_ADDR is not set"},
      {"empty address", with(torchrun(1, 2, 1, 2), {{"MASTER_ADDR", ""}}), "MASTER_ADDR is not set"},
      {"no port", without(torchrun(1, 2, 1, 2), {"MASTER_PORT"}), "MASTER_PORT is not set"},
      {"port 0", with(torchrun(1, 2, 1, 2), {{"MASTER_PORT", "0"}}), "MASTER_PORT: '0' is not a port"},
      {"port too large", with(torchrun(1, 2, 1, 2), {{"MASTER_PORT", "65536"}}), "MASTER_PORT: '65536'"},
      {"Open MPI", open_mpi(2, 2, 0, 2), "OMPI_COMM_WORLD_RANK=2 must be below OMPI_COMM_WORLD_SIZE=2"},
      {"Open MPI without size", {{"OMPI_COMM_WORLD_RANK", "0"}}, "OMPI_COMM_WORLD_SIZE is not set"},
      {"PMI", hydra(0, 2, 2, 2), "MPI_LOCALRANKID=2 must be below MPI_LOCALNRANKS=2"},
      {"PMI without local numbers", {{"PMI_RANK", "0"}, {"PMI_SIZE", "2"}}, "MPI_LOCALRANKID is not set"},
      {"Slurm", with(slurm_step(), {{"SLURM_PROCID", "5"}}), "SLURM_PROCID=5 must be below SLURM_STEP_NUM_TASKS=5"},
      {"Slurm node list", with(slurm_step(), {{"SLURM_STEP_NODELIST", "n[1-"}}), "n[1-"},
      {"Slurm node id", with(slurm_step(), {{"SLURM_NODEID", "2"}}), "SLURM_NODEID=2"},
      {"self", with(torchrun(1, 2, 1, 2), {{"CANINE_SELF_LAUNCH", "x"}}), "CANINE_SELF_LAUNCH='x'"},
  };
  for (const Refused& refused : cases) {
    INFO(refused.name);
    CHECK_THAT(refusal(refused.environment), ContainsSubstring(refused.expected));
  }
}

TEST_CASE("flags that contradict the launcher are refused") {
  LaunchFlags flags;
  flags.world_size = 4;
  CHECK_THAT(refusal({}, flags), ContainsSubstring("--world-size 4 contradicts the 1 process of this job"));
  CHECK_THAT(refusal(torchrun(1, 2, 1, 2), flags), ContainsSubstring("contradicts the 2 processes"));
  flags = {};
  flags.local_rank = 0;
  CHECK_THAT(refusal(torchrun(1, 2, 1, 2), flags), ContainsSubstring("--local_rank 0 contradicts local rank 1"));
  flags.local_rank = -2;
  CHECK_THAT(refusal({}, flags), ContainsSubstring("--local_rank -2"));
}

}  // namespace
}  // namespace canine
