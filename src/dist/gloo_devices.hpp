#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "canine/dist/job_store.hpp"
#include "canine/launch/launch_context.hpp"

namespace canine {

/// Where a rank runs, as all ranks of a job know it of each other.
struct RankPlace {
  std::string host;                    ///< host_identity()
  std::string gpu;                     ///< its GPU's UUID, "" without
  std::string toward_master;           ///< the address from which it reaches rank 0's host, "" on that host
  std::vector<std::string> addresses;  ///< of its interfaces
};

/// Place of this process. `gpu`: UUID of its device.
RankPlace own_place(const LaunchContext& launch, const std::string& gpu);

/// Places of all ranks, by rank. A collective through the store.
std::vector<RankPlace> exchange_places(JobStore& store, const LaunchContext& launch, const RankPlace& own,
                                       std::chrono::milliseconds timeout);

/// The local address that the other ranks shall use to reach `rank`: loopback when all are on one host, else the one
/// that routes to a rank of another host. Throws UsageError if there is none.
std::string address_for_peers(int rank, const std::vector<RankPlace>& places);

/// The same without knowing the others: loopback if the launcher says that all ranks are on this host.
std::string address_for_unknown_peers(const LaunchContext& launch);

/// Names in GLOO_SOCKET_IFNAME (a list with commas), each an interface of this host that is up. Throws UsageError.
std::vector<std::string> chosen_interfaces(const char* variable);

/// Throws UsageError if two ranks of one host have the same GPU.
void refuse_shared_gpus(const std::vector<RankPlace>& places);

}  // namespace canine
