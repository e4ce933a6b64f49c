#pragma once

#include <string>

#include "canine/launch/launch_context.hpp"

namespace canine {

/// Why the plug-in or the MPI that it needs cannot be opened; "" if they can.
std::string mpi_problem();

/// Lets MPI agree on the address and port of rank 0's store: opens the plug-in, which starts and finalizes MPI.
/// Returns `launch` as a kTcp one with master_addr, master_port and, on rank 0, listen_fd. All ranks of the job call it
/// once per process. Throws UsageError: no plug-in, or MPI's rank and size differ from the variables.
LaunchContext agree_through_mpi(const LaunchContext& launch);

}  // namespace canine
