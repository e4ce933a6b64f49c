#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <string_view>

#include "canine/core/errors.hpp"
#include "canine/launch/launch_context.hpp"
#include "launch_sources.hpp"
#include "master_address.hpp"
#include "variables.hpp"

namespace canine {
namespace {

void check_flags(const LaunchContext& context, const LaunchFlags& flags) {
  if (flags.world_size && *flags.world_size != context.world) {
    throw UsageError(
        "--world-size {} contradicts the {} process{} of this job (launcher {}, because {}); leave it out, "
        "or start {} processes through torchrun, mpirun or srun",
        *flags.world_size, context.world, context.world == 1 ? "" : "es", name_of(context.launcher), context.because,
        *flags.world_size);
  }
  if (flags.local_rank && *flags.local_rank < -1) {
    throw UsageError("--local_rank {} must be at least 0 (-1 = not said)", *flags.local_rank);
  }
  if (flags.local_rank && *flags.local_rank >= 0 && *flags.local_rank != context.local_rank) {
    throw UsageError(
        "--local_rank {} contradicts local rank {} of this process (launcher {}, because {}); leave it to "
        "the launcher, and choose devices with --devices or CUDA_VISIBLE_DEVICES",
        *flags.local_rank, context.local_rank, name_of(context.launcher), context.because);
  }
}

int port_of(std::string_view text, const std::string& source) {
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port < 1 || port > 65535) {
    throw UsageError("{}: '{}' is not a port, which is a whole number from 1 to 65535", source, text.substr(0, 100));
  }
  return port;
}

std::string master_address(const Variables& variables) {
  return one_address(variables.text("MASTER_ADDR"), "MASTER_ADDR");
}

void use_tcp(LaunchContext& context, const std::string& address, int port) {
  context.rendezvous = Rendezvous::kTcp;
  context.master_addr = address;
  context.master_port = port;
}

/// "tcp://host:port", the host also as [::1].
void use_tcp_url(LaunchContext& context, const std::string& url) {
  const std::string_view place = std::string_view(url).substr(std::string_view("tcp://").size());
  const size_t colon = place.rfind(':');
  const std::string_view host = place.substr(0, colon);
  if (colon == std::string_view::npos || host.empty() || host.find('/') != std::string_view::npos) {
    throw UsageError("--init-method '{}' is not of the form tcp://host:port", url);
  }
  use_tcp(context, one_address(host, "--init-method"),
          port_of(place.substr(colon + 1), fmt::format("--init-method '{}'", url)));
  context.listen_fd = -1;  // bound to another port
}

void use_file(LaunchContext& context, const std::filesystem::path& file) {
  context.rendezvous = Rendezvous::kFile;
  context.store_file = file;
}

void use_file_url(LaunchContext& context, const std::string& url) {
  const std::string path = url.substr(std::string_view("file://").size());
  if (path.size() < 2 || path.front() != '/' || path.back() == '/') {
    throw UsageError("--init-method '{}' is not of the form file:///path/of/a/file", url);
  }
  use_file(context, path);
}

/// MASTER_ADDR and MASTER_PORT, or an error that says who misses them and why.
void use_master(LaunchContext& context, const Variables& variables, const std::string& why) {
  for (const char* name : {"MASTER_ADDR", "MASTER_PORT"}) {
    if (!variables.has(name)) {
      throw UsageError(
          "{} is not set, but {} processes must find each other ({}); set MASTER_ADDR to an address of "
          "rank 0's host that all hosts reach and MASTER_PORT to a free port there, for every process",
          name, context.world, why);
    }
  }
  use_tcp(context, master_address(variables), port_of(variables.text("MASTER_PORT"), "MASTER_PORT"));
}

void use_mpi(LaunchContext& context, const Variables& variables, const HostFacts& facts) {
  const bool given = variables.has("MASTER_ADDR") && variables.has("MASTER_PORT");
  if (given) return use_master(context, variables, context.because);
  const bool open_mpi = context.launcher == Launcher::kOpenMpi;
  if (open_mpi && facts.mpi_problem.empty()) {
    context.rendezvous = Rendezvous::kMpi;
    return;
  }
  if (open_mpi) context.because += fmt::format(" (MPI cannot be asked for an address: {})", facts.mpi_problem);
  if (context.local_world == context.world) {
    // The launcher process lives exactly as long as the job, so no two jobs share the name, also one after the other.
    use_file(context,
             facts.temporary_folder / fmt::format("canine-{}-{}.store", facts.user_id, facts.launcher_process));
  } else {
    use_master(context, variables,
               fmt::format("launcher {} across hosts, and {}", name_of(context.launcher),
                           open_mpi ? "the MPI plug-in of this program cannot be used: " + facts.mpi_problem
                                    : "only Open MPI can be asked for an address"));
  }
}

void use_slurm(LaunchContext& context, const Variables& variables) {
  const bool both = variables.has("MASTER_ADDR") && variables.has("MASTER_PORT");
  const SlurmMaster master = both ? SlurmMaster{} : slurm_master(variables);
  use_tcp(context, variables.has("MASTER_ADDR") ? master_address(variables) : master.address,
          variables.has("MASTER_PORT") ? port_of(variables.text("MASTER_PORT"), "MASTER_PORT") : master.port);
}

void choose_rendezvous(LaunchContext& context, const Variables& variables, const LaunchFlags& flags,
                       const HostFacts& facts) {
  if (flags.init_method.starts_with("tcp://")) return use_tcp_url(context, flags.init_method);
  if (flags.init_method.starts_with("file://")) return use_file_url(context, flags.init_method);
  switch (context.launcher) {
    case Launcher::kSingle:
      break;
    case Launcher::kSelf:
    case Launcher::kTorchrun:
    case Launcher::kEnv:
      use_master(context, variables, context.because);
      if (context.launcher == Launcher::kTorchrun && variables.text("TORCHELASTIC_USE_AGENT_STORE") == "True") {
        context.rendezvous = Rendezvous::kAgent;
      }
      break;
    case Launcher::kOpenMpi:
    case Launcher::kPmi:
      return use_mpi(context, variables, facts);
    case Launcher::kSlurm:
      return use_slurm(context, variables);
  }
}

void check_init_method(const std::string& method) {
  if (method.empty() || method == "env://" || method.starts_with("tcp://") || method.starts_with("file://")) return;
  throw UsageError("--init-method '{}' is none of env://, file:///path and tcp://host:port", method);
}

}  // namespace

LaunchContext resolve_launch(const Environment& environment, const LaunchFlags& flags, const HostFacts& facts) {
  const Variables variables(environment);
  check_init_method(flags.init_method);
  LaunchContext context = find_place(variables, flags, facts);
  check_flags(context, flags);
  if (context.distributed()) choose_rendezvous(context, variables, flags, facts);
  return context;
}

}  // namespace canine
