#include "launch_sources.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/launch/slurm_nodes.hpp"

namespace canine {
namespace {

/// Names of one source's four numbers, for reading and for messages.
struct Names {
  const char* rank;
  const char* world;
  const char* local_rank;
  const char* local_world;
};

constexpr Names kTorch = {"RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"};
constexpr Names kOmpi = {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK",
                         "OMPI_COMM_WORLD_LOCAL_SIZE"};
constexpr Names kMvapich = {"MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_LOCAL_RANK",
                            "MV2_COMM_WORLD_LOCAL_SIZE"};
constexpr Names kHydra = {"PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"};
constexpr Names kPals = {"PMI_RANK", "PMI_SIZE", "PMI_LOCAL_RANK", "PMI_LOCAL_SIZE"};
constexpr Names kPmix = {"PMIX_RANK", "--world-size", "PMIX_LOCAL_RANK", "PMIX_LOCAL_SIZE"};
constexpr Names kSlurm = {"SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "SLURM_STEP_TASKS_PER_NODE"};

void check_rank(int rank, int world, const Names& names) {
  if (rank < world) return;
  throw UsageError(
      "{}={} must be below {}={}: ranks count from 0; correct the variables, or unset them to run a single "
      "process, as --launcher single does",
      names.rank, rank, names.world, world);
}

void check(const LaunchContext& place, const Names& names) {
  check_rank(place.rank, place.world, names);
  if (place.local_world > place.world) {
    throw UsageError("{}={} is more than {}={}: a host cannot have more processes than the job; correct the variables",
                     names.local_world, place.local_world, names.world, place.world);
  }
  if (place.local_rank >= place.local_world) {
    throw UsageError("{}={} must be below {}={}: local ranks count from 0; correct the variables", names.local_rank,
                     place.local_rank, names.local_world, place.local_world);
  }
}

/// The number of a variable or, when that is unset, of a flag (-1 = not said).
std::optional<int> variable_or_flag(const Variables& variables, const std::string& name, int least,
                                    const std::optional<int>& flag) {
  if (const auto value = variables.find_number(name, least)) return value;
  if (flag && *flag >= least) return flag;
  return std::nullopt;
}

/// Place by four variables that must all be there, except that a job of one process needs no local ones.
LaunchContext place_of(Launcher launcher, const Names& names, const Variables& variables) {
  LaunchContext place;
  place.launcher = launcher;
  place.rank = variables.number(names.rank, 0);
  place.world = variables.number(names.world, 1);
  if (place.world > 1 || variables.has(names.local_rank)) place.local_rank = variables.number(names.local_rank, 0);
  if (place.world > 1 || variables.has(names.local_world)) place.local_world = variables.number(names.local_world, 1);
  place.because = fmt::format("{} and {} are set", names.rank, names.world);
  check(place, names);
  return place;
}

/// RANK and WORLD_SIZE by hand or by a platform may come without local numbers. Until the processes have told each
/// other where they are: on one host they are rank and world; across hosts there is one process per host, as platforms
/// with a container per process have it. An address alone does not tell: the first host may call itself localhost.
void find_local_torch_place(LaunchContext& place, const Variables& variables, const LaunchFlags& flags,
                            const HostFacts& facts) {
  const auto local_rank = variable_or_flag(variables, kTorch.local_rank, 0, flags.local_rank);
  const auto local_world = variables.find_number(kTorch.local_world, 1);
  // Where no meeting place is given the lack of it is the error to name (resolve_launch).
  const bool nowhere = !variables.has("MASTER_ADDR") && flags.init_method.empty();
  const bool one_host = place.world == 1 || nowhere || is_this_host(variables.text("MASTER_ADDR"), facts);
  place.local_world_is_known = local_world || place.world == 1;
  place.local_rank_is_known = local_rank || place.local_world_is_known;
  place.local_world = local_world.value_or(one_host ? place.world : std::min(place.world, local_rank.value_or(0) + 1));
  place.local_rank = local_rank.value_or(one_host && !local_world ? place.rank : place.rank % place.local_world);
}

LaunchContext torch_place(const Variables& variables, const LaunchFlags& flags, const HostFacts& facts) {
  LaunchContext place;
  const std::string run_id = variables.text("TORCHELASTIC_RUN_ID");
  place.launcher = run_id.empty() ? Launcher::kEnv : Launcher::kTorchrun;
  place.rank = variables.number(kTorch.rank, 0);
  place.world = variables.number(kTorch.world, 1);
  check_rank(place.rank, place.world, kTorch);
  find_local_torch_place(place, variables, flags, facts);
  check(place, kTorch);
  place.restart = variables.find_number("TORCHELASTIC_RESTART_COUNT", 0).value_or(0);
  place.run_id = run_id == "none" ? "" : run_id;  // torchrun's word for "no id was given"
  place.parent_is_launcher = !run_id.empty();
  place.because = run_id.empty() ? "RANK and WORLD_SIZE are set" : "RANK, WORLD_SIZE and TORCHELASTIC_RUN_ID are set";
  return place;
}

LaunchContext self_place(const Variables& variables) {
  LaunchContext place = place_of(Launcher::kSelf, kTorch, variables);
  place.launcher_pid = variables.number(kSelfLaunchVariable, 1);
  place.parent_is_launcher = true;
  if (place.rank == 0) place.listen_fd = variables.find_number(kListenFdVariable, 0).value_or(-1);
  place.because =
      fmt::format("the program itself (process {}) has started {} processes", place.launcher_pid, place.world);
  return place;
}

LaunchContext mpi_place(Launcher launcher, const Names& names, const Variables& variables) {
  LaunchContext place = place_of(launcher, names, variables);
  place.parent_is_launcher = true;
  return place;
}

/// PMIx by itself tells the rank alone.
LaunchContext pmix_place(const Variables& variables, const LaunchFlags& flags) {
  LaunchContext place;
  place.launcher = Launcher::kPmi;
  place.rank = variables.number(kPmix.rank, 0);
  if (!flags.world_size) {
    throw UsageError(
        "PMIX_RANK={} says that a PMIx launcher has started this process, but no variable says how many "
        "there are; pass --world-size, set RANK, WORLD_SIZE, LOCAL_RANK and LOCAL_WORLD_SIZE, or, if it was started by "
        "hand, add --launcher single",
        place.rank);
  }
  place.world = *flags.world_size;
  place.local_rank = variable_or_flag(variables, kPmix.local_rank, 0, flags.local_rank).value_or(place.rank);
  place.local_world = variables.find_number(kPmix.local_world, 1).value_or(place.world);
  place.parent_is_launcher = true;
  place.because = "PMIX_RANK is set and --world-size given";
  check(place, kPmix);
  return place;
}

/// A numbered step. Batch scripts and the shells of salloc have SLURM_PROCID=0 and SLURM_NTASKS too, but no step id, or
/// one of the reserved ones at the end of the 32-bit range (batch, interactive, extern) or a word.
bool in_slurm_step(const Variables& variables) {
  const std::string id = variables.text("SLURM_STEP_ID");
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
  return !id.empty() && error == std::errc() && end == id.data() + id.size() && number < 0xfffffff0U &&
         variables.has(kSlurm.rank);
}

std::vector<std::string> slurm_hosts(const Variables& variables) {
  for (const char* name : {"SLURM_STEP_NODELIST", "SLURM_JOB_NODELIST", "SLURM_NODELIST"}) {
    if (variables.has(name)) return expand_slurm_nodes(variables.text(name));
  }
  throw UsageError(
      "this process is in a Slurm step, but SLURM_STEP_NODELIST is not set; start it with srun, or set "
      "MASTER_ADDR and MASTER_PORT");
}

/// Tasks of the step on this host: from the list of counts, else from the list of this host's ranks.
int slurm_local_world(const Variables& variables, int world) {
  if (variables.has(kSlurm.local_world)) {
    const std::vector<int> counts = expand_slurm_counts(variables.text(kSlurm.local_world));
    const int node = counts.size() == 1 ? 0 : variables.number("SLURM_NODEID", 0);
    if (static_cast<size_t>(node) >= counts.size()) {
      throw UsageError("SLURM_NODEID={} is not below the number of hosts in {}={}", node, kSlurm.local_world,
                       variables.text(kSlurm.local_world));
    }
    return counts[static_cast<size_t>(node)];
  }
  const std::string ranks = variables.text("SLURM_GTIDS");
  if (!ranks.empty()) return static_cast<int>(std::count(ranks.begin(), ranks.end(), ',')) + 1;
  if (slurm_hosts(variables).size() == 1) return world;
  throw UsageError(
      "{} is not set: it says how many tasks of the Slurm step run on this host; start the program with "
      "srun",
      kSlurm.local_world);
}

LaunchContext slurm_place(const Variables& variables) {
  LaunchContext place;
  place.because = "the Slurm step has one task";
  Names names = kSlurm;
  if (!variables.has(names.world)) names.world = "SLURM_NTASKS";
  place.world = variables.number(names.world, 1);
  place.rank = variables.number(names.rank, 0);
  check_rank(place.rank, place.world, names);
  if (place.world == 1) return place;
  place.launcher = Launcher::kSlurm;
  place.local_rank = variables.number(kSlurm.local_rank, 0);
  place.local_world = slurm_local_world(variables, place.world);
  place.restart = variables.find_number("SLURM_RESTART_COUNT", 0).value_or(0);
  place.run_id = fmt::format("{}.{}", variables.text("SLURM_JOB_ID"), variables.text("SLURM_STEP_ID"));
  place.because = fmt::format("{} and {} of a Slurm step are set", names.rank, names.world);
  check(place, names);
  return place;
}

/// One process; refuses variables that only make sense for several.
LaunchContext single_place(const Variables& variables) {
  const int world = variables.find_number(kTorch.world, 1).value_or(1);
  const int local_rank = variables.find_number(kTorch.local_rank, 0).value_or(0);
  if (world > 1 || local_rank > 0) {
    throw UsageError(
        "{}={} is set, but RANK is not; start the program through a launcher (torchrun, mpirun, srun), "
        "set RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT, or unset it, as --launcher single does",
        world > 1 ? kTorch.world : kTorch.local_rank, world > 1 ? world : local_rank);
  }
  LaunchContext place;
  place.because = "no launcher's variables are set";
  return place;
}

/// What a nearer source hides, for `because`.
std::string hidden_sources(const Variables& variables, Launcher used) {
  std::vector<std::string> hidden;
  const bool mpi_hidden = used == Launcher::kTorchrun || used == Launcher::kEnv || used == Launcher::kSelf;
  if (mpi_hidden) {
    for (const Names& names : {kOmpi, kMvapich, kHydra}) {
      if (variables.has(names.rank)) hidden.push_back(names.rank);
    }
  }
  if (used != Launcher::kSlurm && used != Launcher::kSingle && in_slurm_step(variables)) hidden.push_back(kSlurm.rank);
  return hidden.empty() ? "" : fmt::format(" ({} not used)", fmt::join(hidden, ", "));
}

LaunchContext nearest_place(const Variables& variables, const LaunchFlags& flags, const HostFacts& facts) {
  if (variables.has(kSelfLaunchVariable)) return self_place(variables);
  if (flags.single) {
    LaunchContext place;
    place.because = "of --launcher single";
    return place;
  }
  if (variables.has(kTorch.rank)) return torch_place(variables, flags, facts);
  if (variables.has(kOmpi.rank)) return mpi_place(Launcher::kOpenMpi, kOmpi, variables);
  if (variables.has(kMvapich.rank)) return mpi_place(Launcher::kPmi, kMvapich, variables);
  const bool step = in_slurm_step(variables);
  if (variables.has(kHydra.rank)) {
    if (variables.has(kPals.local_rank)) return mpi_place(Launcher::kPmi, kPals, variables);
    // srun's own PMI sets rank and size only; the step's variables say the same and more.
    if (!step || variables.has(kHydra.local_rank)) return mpi_place(Launcher::kPmi, kHydra, variables);
  }
  if (step) return slurm_place(variables);
  if (variables.has(kPmix.rank)) return pmix_place(variables, flags);
  return single_place(variables);
}

}  // namespace

LaunchContext find_place(const Variables& variables, const LaunchFlags& flags, const HostFacts& facts) {
  LaunchContext place = nearest_place(variables, flags, facts);
  place.because += hidden_sources(variables, place.launcher);
  return place;
}

bool is_this_host(const std::string& address, const HostFacts& facts) {
  return address == "localhost" || address == "::1" || address.starts_with("127.") ||
         (!address.empty() && address == facts.hostname);
}

SlurmMaster slurm_master(const Variables& variables) {
  constexpr uint32_t kFirstPort = 16384;
  constexpr uint32_t kNumPorts = 16384;
  constexpr uint32_t kStepStride = 4099;  // a prime: steps of one job lie far from the jobs with the next ids
  const std::vector<std::string> hosts = slurm_hosts(variables);
  const auto job = static_cast<uint32_t>(variables.number("SLURM_JOB_ID", 0));
  const auto step = static_cast<uint32_t>(variables.number("SLURM_STEP_ID", 0));
  return {hosts.size() == 1 ? "127.0.0.1" : hosts.front(),
          static_cast<int>(kFirstPort + (job + step * kStepStride) % kNumPorts)};
}

}  // namespace canine
