#include "canine/dist/job_store.hpp"

#include <fmt/format.h>

#include <stdexcept>
#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <utility>

#include "canine/core/errors.hpp"
#include "descriptor_limit.hpp"
#include "joining.hpp"
#include "local_network.hpp"
#include "mpi_rendezvous.hpp"
#include "plain_message.hpp"
#include "store_connection.hpp"

namespace canine {
namespace {

using std::chrono::milliseconds;

// For a server that runs to take one more connection.
constexpr milliseconds kBusy{3000};
constexpr milliseconds kVeryBusy{10'000};

std::vector<uint8_t> bytes(const std::string& text) { return {text.begin(), text.end()}; }
std::string text(const std::vector<uint8_t>& value) { return {value.begin(), value.end()}; }

/// Runs an exchange with the store that does not wait for other ranks.
template <typename Body>
auto exchange(const char* action, const std::string& key, const Body& body) {
  try {
    return body();
  } catch (const std::exception& error) {
    throw PeerError(
        "the job's store is lost while {} '{}': the process that serves it (rank 0, or the launcher's agent) has ended "
        "({})",
        action, key, plain_message(error));
  }
}

std::shared_ptr<JobStore> connect_to_foreign(const LaunchContext& launch, milliseconds timeout) {
  const std::string prefix = fmt::format("canine/{}", launch.restart);
  if (launch.rendezvous != Rendezvous::kFile) {
    return std::make_shared<JobStore>(open_tcp_store(launch, timeout), prefix, Peers::kForeign);
  }
  auto store = c10::make_intrusive<c10d::FileStore>(launch.store_file.string(), launch.world);
  return std::make_shared<JobStore>(std::move(store), prefix, Peers::kForeign);
}

}  // namespace

std::shared_ptr<JobStore> JobStore::connect(const LaunchContext& launch, milliseconds timeout, Peers peers) {
  require_descriptors(launch.world);
  const LaunchContext agreed = launch.rendezvous == Rendezvous::kMpi ? agree_through_mpi(launch) : launch;
  if (peers == Peers::kForeign) return connect_to_foreign(agreed, timeout);
  const JoinedStore joined = join_job(agreed, timeout);
  auto root =
      c10::make_intrusive<c10d::PrefixStore>(fmt::format("canine/{}/{}", agreed.restart, joined.nonce), joined.store);
  return std::make_shared<JobStore>(std::move(root), "job", peers);
}

JobStore::JobStore(c10::intrusive_ptr<c10d::Store> root, std::string prefix, Peers peers)
    : root_(std::move(root)),
      own_(c10::make_intrusive<c10d::PrefixStore>(prefix, root_)),
      prefix_(std::move(prefix)),
      peers_(peers) {}

std::shared_ptr<JobStore> JobStore::clone() const {
  return exchange("opening a second connection for", prefix_, [&] {
    // It was there a moment ago. c10d would wait for it to come back, as long as for a server that has yet to start.
    if (const auto server = address_of(*root_)) {
      const std::string reason = await_listener(server->host, server->port, std::chrono::steady_clock::now() + kBusy);
      if (!reason.empty()) throw std::runtime_error(reason);
    }
    // It may end between that look and this connection, so c10d must not wait long either.
    const milliseconds usual = root_->getTimeout();
    const c10d::StoreTimeoutGuard guard(*root_, kVeryBusy);
    auto second = root_->clone();
    second->setTimeout(usual);
    return std::make_shared<JobStore>(std::move(second), prefix_, peers_);
  });
}

std::string JobStore::place() const {
  const auto server = address_of(*root_);
  return server ? fmt::format("{}:{}", server->host, server->port) : "";
}

void JobStore::set(const std::string& key, const std::string& value) {
  exchange("setting", key, [&] { own_->set(key, bytes(value)); });
}

std::optional<std::string> JobStore::find(const std::string& key) {
  return exchange("looking for", key, [&]() -> std::optional<std::string> {
    if (!own_->check({key})) return std::nullopt;
    return text(own_->get(key));
  });
}

int64_t JobStore::add(const std::string& key, int64_t amount) {
  return exchange("counting", key, [&] { return own_->add(key, amount); });
}

std::string JobStore::wait(const std::string& key, milliseconds timeout, const std::string& what) {
  if (!wait_for_key(*own_, key, timeout)) {
    throw PeerError("{} did not come within {} s", what, static_cast<double>(timeout.count()) / 1000);
  }
  return exchange("reading", key, [&] { return text(own_->get(key)); });
}

std::string JobStore::wait_while(const std::string& key, milliseconds period,
                                 const std::function<void()>& still_waiting) {
  while (!wait_for_key(*own_, key, period)) still_waiting();
  return exchange("reading", key, [&] { return text(own_->get(key)); });
}

void JobStore::leave(int rank, int world, milliseconds timeout) noexcept try {
  if (own_->add("left", 1) == world) own_->set("all_left", "");
  if (rank == 0) wait_for_key(*own_, "all_left", timeout);
} catch (const std::exception&) {
  // The others are gone already, and nothing is lost.
}

}  // namespace canine
