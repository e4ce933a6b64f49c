#include "canine/dist/find_launch.hpp"

#include "mpi_rendezvous.hpp"

namespace canine {

LaunchContext find_launch(const LaunchFlags& flags) {
  const Environment environment = process_environment();
  HostFacts facts = host_facts();
  // Opening the plug-in loads MPI, which only a process of mpirun needs.
  facts.mpi_plugin = environment.contains("OMPI_COMM_WORLD_SIZE") && mpi_available();
  return resolve_launch(environment, flags, facts);
}

}  // namespace canine
