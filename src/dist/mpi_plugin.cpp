#include "mpi_plugin.hpp"

#include <fmt/format.h>
#include <mpi.h>

#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "local_network.hpp"

namespace {

constexpr size_t kPlaceSize = 2048;

struct Address {
  char text[64];
  int port;
};

void copy(const std::string& text, char* out, size_t size) {
  std::strncpy(out, text.c_str(), size - 1);
  out[size - 1] = '\0';
}

/// Host and addresses of a rank as one text of a fixed size, "host\naddress\naddress".
std::vector<std::string> gather_places(int world) {
  std::string place = canine::host_identity();
  for (const std::string& address : canine::local_addresses()) {
    if (place.size() + address.size() + 2 < kPlaceSize) place.append("\n").append(address);
  }
  std::vector<char> mine(kPlaceSize), all(kPlaceSize * static_cast<size_t>(world));
  copy(place, mine.data(), kPlaceSize);
  MPI_Allgather(mine.data(), kPlaceSize, MPI_CHAR, all.data(), kPlaceSize, MPI_CHAR, MPI_COMM_WORLD);
  std::vector<std::string> places;
  for (size_t rank = 0; rank < static_cast<size_t>(world); ++rank) places.emplace_back(&all[rank * kPlaceSize]);
  return places;
}

/// Where ranks on other hosts reach rank 0: its address on the way to the first of them that has a route.
std::string address_for(const std::vector<std::string>& places) {
  const std::string host = places[0].substr(0, places[0].find('\n'));
  bool alone = true;
  for (const std::string& place : places) {
    size_t end = place.find('\n');
    if (place.substr(0, end) == host) continue;
    alone = false;
    while (end != std::string::npos) {
      const size_t start = end + 1;
      end = place.find('\n', start);
      const std::string address = canine::address_toward(place.substr(start, end - start));
      if (!address.empty()) return address;
    }
  }
  return alone ? "127.0.0.1" : "";
}

void agree(canine_mpi_agreement& agreement) {
  int rank = 0, size = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  int fits = rank == agreement.rank && size == agreement.world ? 1 : 0, all_fit = 0;
  MPI_Allreduce(&fits, &all_fit, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
  if (all_fit == 0) {
    const std::string difference =
        fits != 0 ? "another process of this job finds MPI's rank or size different from its variables"
                  : fmt::format("MPI says rank {} of {}, the variables say rank {} of {}", rank, size, agreement.rank,
                                agreement.world);
    copy(difference +
             "; is the program started by the mpirun of another MPI than this one was built with? Where MPI cannot "
             "agree, "
             "say where rank 0 is: mpirun -x MASTER_ADDR=host -x MASTER_PORT=29500",
         agreement.problem, sizeof(agreement.problem));
    return;
  }
  const std::vector<std::string> places = gather_places(size);
  Address address{};
  if (rank == 0) {
    try {
      copy(address_for(places), address.text, sizeof(address.text));
      if (address.text[0] != '\0') {
        const canine::Listener listener = canine::listen_on(address.text);
        address.port = listener.port;
        agreement.listen_fd = listener.fd;
      }
    } catch (const std::exception& error) {
      copy(error.what(), agreement.problem, sizeof(agreement.problem));
    }
  }
  MPI_Bcast(&address, sizeof(address), MPI_BYTE, 0, MPI_COMM_WORLD);
  copy(address.text, agreement.address, sizeof(agreement.address));
  agreement.port = address.port;
  if (address.port == 0 && agreement.problem[0] == '\0') {
    copy("rank 0 has no address that the other hosts reach; give one: mpirun -x MASTER_ADDR=... -x MASTER_PORT=...",
         agreement.problem, sizeof(agreement.problem));
  }
}

}  // namespace

int canine_mpi_agree(canine_mpi_agreement* agreement) {
  int initialized = 0, provided = 0;
  MPI_Initialized(&initialized);
  if (initialized != 0) {
    copy("MPI has been started in this process before", agreement->problem, sizeof(agreement->problem));
    return 1;
  }
  if (MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS) {
    copy("MPI cannot be started", agreement->problem, sizeof(agreement->problem));
    return 1;
  }
  agree(*agreement);
  MPI_Finalize();
  return agreement->problem[0] == '\0' ? 0 : 1;
}
