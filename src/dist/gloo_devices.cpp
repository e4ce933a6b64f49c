#include "gloo_devices.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <net/if.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <utility>

#include "canine/core/errors.hpp"
#include "local_network.hpp"

namespace canine {
namespace {

constexpr const char* kLoopback = "127.0.0.1";

std::string text_of(const RankPlace& place) {
  return fmt::format("{}\n{}\n{}\n{}", place.host, place.gpu, place.toward_master, fmt::join(place.addresses, " "));
}

RankPlace parse_place(const std::string& text) {
  RankPlace place;
  std::istringstream in(text);
  std::getline(in, place.host);
  std::getline(in, place.gpu);
  std::getline(in, place.toward_master);
  for (std::string address; in >> address;) place.addresses.push_back(address);
  return place;
}

}  // namespace

RankPlace own_place(const LaunchContext& launch, const std::string& gpu) {
  RankPlace place;
  place.host = host_identity();
  place.gpu = gpu;
  if (!launch.master_addr.empty()) place.toward_master = address_toward(launch.master_addr);
  place.addresses = local_addresses();
  return place;
}

std::vector<RankPlace> exchange_places(JobStore& store, const LaunchContext& launch, const RankPlace& own,
                                       std::chrono::milliseconds timeout) {
  store.set(fmt::format("place/{}", launch.rank), text_of(own));
  std::vector<RankPlace> places;
  for (int rank = 0; rank < launch.world; ++rank) {
    places.push_back(parse_place(store.wait(fmt::format("place/{}", rank), timeout,
                                            fmt::format("the address of rank {} (--timeout-init)", rank))));
  }
  return places;
}

std::string address_for_peers(int rank, const std::vector<RankPlace>& places) {
  const RankPlace& own = places[static_cast<size_t>(rank)];
  std::vector<const RankPlace*> remote;
  for (const RankPlace& place : places) {
    if (place.host != own.host) remote.push_back(&place);
  }
  if (remote.empty()) return kLoopback;
  if (!own.toward_master.empty()) return own.toward_master;
  // On the master's host: its address on the way to one that came from outside, which is known to have a route.
  for (const RankPlace* place : remote) {
    if (place->toward_master.empty()) continue;
    if (const std::string address = address_toward(place->toward_master); !address.empty()) return address;
  }
  for (const RankPlace* place : remote) {
    for (const std::string& target : place->addresses) {
      if (const std::string address = address_toward(target); !address.empty()) return address;
    }
  }
  throw UsageError(
      "rank {}: no interface of this host ({}) has a route to a rank on another host ({}). Check the network, or name "
      "an interface with GLOO_SOCKET_IFNAME",
      rank, fmt::join(own.addresses, ", "), fmt::join(remote.front()->addresses, ", "));
}

std::string address_for_unknown_peers(const LaunchContext& launch) {
  if (launch.local_world == launch.world) return kLoopback;
  if (const std::string address = address_toward(launch.master_addr); !address.empty()) return address;
  const std::vector<std::string> own = local_addresses();
  return own.empty() ? kLoopback : own.front();
}

std::vector<std::string> chosen_interfaces(const char* variable) {
  std::vector<std::string> names;
  std::istringstream in(variable == nullptr ? "" : variable);
  for (std::string name; std::getline(in, name, ',');) {
    if (name.empty()) continue;
    if (::if_nametoindex(name.c_str()) == 0) {
      throw UsageError("GLOO_SOCKET_IFNAME={}: this host has no network interface '{}' (`ip link` lists them)",
                       variable, name);
    }
    names.push_back(name);
  }
  return names;
}

void refuse_shared_gpus(const std::vector<RankPlace>& places) {
  std::map<std::pair<std::string, std::string>, size_t> owners;
  for (size_t rank = 0; rank < places.size(); ++rank) {
    if (places[rank].gpu.empty()) continue;
    const auto [owner, fresh] = owners.emplace(std::pair(places[rank].host, places[rank].gpu), rank);
    if (fresh) continue;
    throw UsageError(
        "ranks {} and {} would share one GPU ({}): start as many processes per host as it has GPUs, give each its own "
        "with CUDA_VISIBLE_DEVICES, or allow it (--share-devices, InitOptions::share_devices)",
        owner->second, rank, places[rank].gpu);
  }
}

}  // namespace canine
