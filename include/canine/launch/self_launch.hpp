#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "canine/launch/launch_context.hpp"

namespace canine {

/// How a program starts several processes of itself on this host.
struct SelfLaunchOptions {
  int num_processes = 1;
  std::vector<std::string> arguments;  ///< argv of the children; empty = this process's own
  std::vector<Environment> variables;  ///< more variables per child (CUDA_VISIBLE_DEVICES); empty, or one per child
  /// From the first failure to SIGTERM: the others may say what they saw, which takes them some seconds of silence.
  std::chrono::milliseconds peer_grace{8'000};
  std::chrono::milliseconds stop_grace{30'000};  ///< from that SIGTERM to SIGKILL

  /// Throws UsageError.
  void validate() const;
};

/// Runs the program that this process runs num_processes times and waits for all of them.
///
/// The children get RANK, LOCAL_RANK, WORLD_SIZE, LOCAL_WORLD_SIZE, MASTER_ADDR=127.0.0.1, MASTER_PORT, and a variable
/// of our own by which resolve_launch knows them (Launcher::kSelf); rank 0 inherits the listening socket of that port,
/// so the port cannot be lost to another program. Each child has a session of its own, so that Ctrl-C in a terminal
/// reaches this process only, and stdin from /dev/null. It is sent SIGTERM should this process die.
///
/// Requests (request_signals.hpp) are passed on to all children, once each time one arrives (SIGHUP and SIGQUIT not
/// where they are ignored: nohup). SIGTSTP (Ctrl-Z) stops the children and this process, until it is continued or asked
/// to end. Ends of children are reported on stderr as they come, the first failure first. After it the others have
/// peer_grace to end by themselves, then SIGTERM, stop_grace, SIGKILL. What a child leaves behind in its session's
/// process group is killed with it, so nothing outlives the job.
///
/// Returns the exit code for this process: 0 when all children returned 0; 75 when they stopped on request; else that
/// of the first child that failed (128 + signal if a signal ended it), where a child that only lost a peer (76) counts
/// only if none failed by itself.
/// Call it while this process has no other threads. Throws UsageError (options), IoError (a child cannot be started).
int self_launch(const SelfLaunchOptions& options);

}  // namespace canine
