#include "mpi_rendezvous.hpp"

#include "canine/core/errors.hpp"
#include "mpi_plugin.hpp"
#include "plugin.hpp"

namespace canine {
namespace {

Plugin mpi_plugin() { return open_plugin("canine_mpi", "canine_mpi_agree"); }

}  // namespace

std::string mpi_problem() {
  const Plugin plugin = mpi_plugin();
  return plugin.function != nullptr ? "" : plugin.problem;
}

LaunchContext agree_through_mpi(const LaunchContext& launch) {
  const Plugin plugin = mpi_plugin();
  if (plugin.function == nullptr) {
    throw UsageError(
        "rank {} of {} ({}) needs MPI to agree on rank 0's address, and {}. Build with MPI installed "
        "(libopenmpi-dev), or say where rank 0 is: mpirun -x MASTER_ADDR=host -x MASTER_PORT=29500, or --init-method "
        "file:///a/shared/folder/name",
        launch.rank, launch.world, launch.because, plugin.problem);
  }
  canine_mpi_agreement agreement{};
  agreement.rank = launch.rank;
  agreement.world = launch.world;
  agreement.listen_fd = -1;
  if (reinterpret_cast<decltype(&canine_mpi_agree)>(plugin.function)(&agreement) != 0) {
    throw UsageError("rank {} of {} ({}): {}", launch.rank, launch.world, launch.because,
                     static_cast<const char*>(agreement.problem));
  }
  LaunchContext agreed = launch;
  agreed.rendezvous = Rendezvous::kTcp;
  agreed.because += "; MPI has agreed on address and port";
  agreed.master_addr = agreement.address;
  agreed.master_port = agreement.port;
  agreed.listen_fd = agreement.listen_fd;
  return agreed;
}

}  // namespace canine
