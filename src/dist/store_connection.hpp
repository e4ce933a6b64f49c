#pragma once

#include <c10/util/intrusive_ptr.h>

#include <chrono>
#include <optional>
#include <string>

#include "canine/core/errors.hpp"
#include "canine/launch/launch_context.hpp"

namespace c10d {
class Store;
}  // namespace c10d

namespace canine {

/// "10.0.0.1:29500 (MASTER_ADDR and MASTER_PORT; rank 1 of 4, launcher torchrun: RANK, ... are set)".
std::string describe_master(const LaunchContext& launch);

/// For messages about processes that do not come: variables that a launcher has left in a shell make a process wait for
/// others that nobody has started. ". If ...", or "" where the launcher certainly has started this process.
std::string alone_hint(const LaunchContext& launch);

/// A TCP store: the launcher's (kAgent), or our own, which rank 0 serves (kTcp). Throws UsageError (port in use, no
/// port) or PeerError (nobody answers within `timeout`).
c10::intrusive_ptr<c10d::Store> open_tcp_store(const LaunchContext& launch, std::chrono::milliseconds timeout);

/// Address of the server of a TCP store, also below prefixes; nullopt for other stores.
struct StoreAddress {
  std::string host;
  int port = 0;
};
std::optional<StoreAddress> address_of(c10d::Store& store);

/// The process that serves the store has ended.
class StoreLost : public PeerError {
 public:
  using PeerError::PeerError;
};

/// Waits for `key`; false after `timeout`. Throws StoreLost.
bool wait_for_key(c10d::Store& store, const std::string& key, std::chrono::milliseconds timeout);

/// A random name, 16 hexadecimal digits.
std::string random_name();

}  // namespace canine
