#pragma once

#include <c10/util/intrusive_ptr.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "canine/launch/launch_context.hpp"

namespace c10d {
class Store;
}  // namespace c10d

namespace canine {

/// Whether all ranks of a job are programs of this library. With a rank of another program (torch.distributed in
/// Python) nothing happens beyond what Python's init_process_group does: no joining by name, no messages by rank.
enum class Peers { kOurs, kForeign };

/// The small key-value store that all processes of a job share: c10d's TCPStore (the launcher's, or served by rank 0).
/// With Peers::kForeign a store file is c10d's FileStore, as Python has it. It is there before any process group, so
/// ranks can wait for rank 0's preparation through it.
///
/// Keys of this class live under a prefix of their own; the process group's keys are those of Python's
/// init_process_group under root(). With Peers::kForeign root() is the bare store, so a Python process can be a rank;
/// otherwise it is a corner named by the restart count and rank 0's nonce, so keys of an earlier job mislead nobody.
/// One object belongs to one thread at a time, because a waiting client blocks the others: threads take clone(). Every
/// call throws PeerError when the process that serves the store has ended.
class JobStore {
 public:
  /// Connects and joins, for up to `timeout`; returns when all ranks of the job have. Throws UsageError (impossible
  /// address, port in use, two processes with one rank, too few file descriptors) or PeerError (nobody answers, ranks
  /// missing, the store of another job), naming host, port and the variables they came from.
  static std::shared_ptr<JobStore> connect(const LaunchContext& launch, std::chrono::milliseconds timeout,
                                           Peers peers = Peers::kOurs);

  /// Around a store that is there (tests: c10d::HashStore shared by threads).
  explicit JobStore(c10::intrusive_ptr<c10d::Store> root, std::string prefix, Peers peers = Peers::kOurs);

  JobStore(const JobStore&) = delete;
  JobStore& operator=(const JobStore&) = delete;

  /// A second connection, for another thread. It must end before the object of rank 0 that serves the store. A server
  /// that is gone is given up after 3 s, whatever the timeout of connect() was.
  std::shared_ptr<JobStore> clone() const;

  void set(const std::string& key, const std::string& value);

  /// The value, or nullopt if nobody has set it yet. Does not wait.
  std::optional<std::string> find(const std::string& key);

  /// Adds to a counter (0 at first) and returns the new value.
  int64_t add(const std::string& key, int64_t amount);

  /// Waits until `key` is set and returns its value. Throws PeerError after `timeout`, saying `what` was awaited.
  std::string wait(const std::string& key, std::chrono::milliseconds timeout, const std::string& what);

  /// Waits until `key` is set, without a limit of its own: every `period` without it, `still_waiting` is called. It
  /// shows progress, or throws to give up.
  std::string wait_while(const std::string& key, std::chrono::milliseconds period,
                         const std::function<void()>& still_waiting);

  /// The last use of the store by this rank, in the orderly end. Rank 0, which may serve it, waits for the others, up
  /// to `timeout`; nobody else waits. Never throws.
  void leave(int rank, int world, std::chrono::milliseconds timeout) noexcept;

  /// Where the process group puts its keys.
  const c10::intrusive_ptr<c10d::Store>& root() const { return root_; }
  Peers peers() const { return peers_; }

  /// "10.0.0.1:29500", where the store is served; "" if no TCP server does.
  std::string place() const;

 private:
  c10::intrusive_ptr<c10d::Store> root_;
  c10::intrusive_ptr<c10d::Store> own_;
  std::string prefix_;
  Peers peers_;
};

}  // namespace canine
