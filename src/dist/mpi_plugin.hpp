#pragma once

/// What the program and the module canine_mpi say to each other. Plain C, so that the module needs nothing of LibTorch.
extern "C" {

struct canine_mpi_agreement {
  int rank;            ///< in: by the launcher's variables
  int world;           ///< in: by the launcher's variables
  char address[64];    ///< out: where rank 0 listens
  int port;            ///< out
  int listen_fd;       ///< out: on rank 0 the listening socket, else -1
  char problem[1024];  ///< out: why there is no agreement; "" if there is
};

/// Starts MPI, agrees, finalizes MPI. Once per process. 0 if there is an agreement.
int canine_mpi_agree(canine_mpi_agreement* agreement);
}
