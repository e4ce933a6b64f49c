#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace canine {

/// Variables of a process, as the resolver sees them.
using Environment = std::map<std::string, std::string>;

/// Variables of this process.
Environment process_environment();

/// Who started this process.
enum class Launcher {
  kSingle,    ///< nobody: one process
  kTorchrun,  ///< torchrun, python -m torch.distributed.launch, accelerate launch
  kEnv,       ///< RANK, WORLD_SIZE, ... set by hand or by a platform
  kOpenMpi,   ///< mpirun of Open MPI
  kPmi,       ///< mpirun of MPICH, Intel MPI or MVAPICH, or another PMI or PMIx launcher
  kSlurm,     ///< srun
  kSelf,      ///< this program itself (self_launch.hpp)
};

/// "single", "torchrun", "env", "openmpi", "pmi", "slurm", "self".
const char* name_of(Launcher launcher);

/// How the processes of a job find each other.
enum class Rendezvous {
  kNone,   ///< one process
  kAgent,  ///< TCP store of the launcher's agent at master_addr:master_port: every rank is a client
  kTcp,    ///< rank 0 serves a TCP store at master_addr:master_port
  kMpi,    ///< MPI agrees on address and port, rank 0 serves
  kFile,   ///< store_file, which all processes reach
};

/// Place of this process in its job. A value: nothing here is global, and nothing talks to a network.
struct LaunchContext {
  Launcher launcher = Launcher::kSingle;
  int rank = 0;
  int world = 1;
  int local_rank = 0;                ///< among the processes of this host; 0 for all with torchrun --virtual-local-rank
  int local_world = 1;               ///< processes of the job on this host
  bool local_rank_is_known = true;   ///< false: a guess, which the other processes can correct (dist/local_place.hpp)
  bool local_world_is_known = true;  ///< the same
  Rendezvous rendezvous = Rendezvous::kNone;
  std::string master_addr;           ///< kAgent, kTcp
  int master_port = 0;               ///< kAgent, kTcp
  std::filesystem::path store_file;  ///< kFile
  int listen_fd = -1;                ///< kTcp on rank 0: a bound, listening socket to serve on; -1 = bind master_port
  int restart = 0;                   ///< how often the launcher has restarted the job
  std::string run_id;                ///< the launcher's name for the job, "" if it has none
  bool parent_is_launcher = false;   ///< the parent is a launcher that must not be outlived (parent_death.hpp)
  int launcher_pid = 0;              ///< kSelf: process id of the parent; 0 = not known from variables
  std::string because;               ///< "RANK, WORLD_SIZE and LOCAL_RANK are set"

  bool distributed() const { return world > 1; }

  /// "launcher=torchrun rank=1/4 local=1/2 because ...; the ranks meet at 10.0.0.1:29500".
  std::string describe() const;
};

/// Flags that say something about the launch; they win over variables.
struct LaunchFlags {
  bool distributed = false;       ///< --distributed
  std::optional<int> local_rank;  ///< --local_rank, --local-rank; -1 = not said
  std::optional<int> world_size;  ///< --world-size
  std::string init_method;        ///< --init-method: "" or "env://", "file:///path" or "tcp://host:port"
  bool single = false;            ///< --launcher single: one process, whatever variables say
};

/// What the resolver needs to know of the host besides variables.
struct HostFacts {
  std::string hostname;
  int user_id = 0;
  int launcher_pid = 0;                    ///< see launcher_process
  std::string launcher_process;            ///< process id and start time of the launcher: names a job on its host
  std::filesystem::path temporary_folder;  ///< for a store file
  std::string mpi_problem;                 ///< why MPI cannot be asked for address and port, "" = it can
};

/// Facts of this host and process. The launcher is the nearest ancestor that lacks one of this process's rank
/// variables, so that all ranks of a host find the same one, also through a wrapper script.
HostFacts host_facts();

/// Place of this process, a pure function. With `flags.single` it is one process, unless this program itself has
/// started it as one of several. Else the precedence is: flags, then RANK/WORLD_SIZE/..., then OMPI_*, MV2_*, PMI_*,
/// then SLURM_* of a step, then PMIX_RANK (which needs --world-size). A source hides those behind it, so an inner
/// launcher (`srun torchrun`) wins; `because` names what was not used. Variables of one source must agree with each
/// other and with the flags; empty variables count as unset. MASTER_ADDR together with MASTER_PORT wins over what MPI
/// or Slurm would say of the place to meet. A Slurm step of one task is single, as is a batch script.
/// `flags.distributed` changes nothing here: the caller notes that nobody has started several processes.
/// Throws UsageError naming the variables, their values and the fix.
LaunchContext resolve_launch(const Environment& environment, const LaunchFlags& flags, const HostFacts& facts);

}  // namespace canine
