#include "canine/dist/find_launch.hpp"

#include "mpi_rendezvous.hpp"

namespace canine {

LaunchContext find_launch(const LaunchFlags& flags) {
  const Environment environment = process_environment();
  HostFacts facts = host_facts();
  // Opening the plug-in loads MPI, which only a process of mpirun needs.
  if (environment.contains("OMPI_COMM_WORLD_SIZE")) facts.mpi_problem = mpi_problem();
  return resolve_launch(environment, flags, facts);
}

}  // namespace canine
