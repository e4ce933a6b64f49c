#pragma once

#include <chrono>

#include "canine/launch/launch_context.hpp"

namespace canine {

/// Makes this process end when its launcher dies, however the launcher dies; does nothing where nobody but a shell has
/// started it (`nohup ./finetune &` survives a logout), and under srun, whose step manager sees to it.
///
/// How: the kernel sends SIGTERM when the parent dies (PR_SET_PDEATHSIG). Without a StopRequest that ends the process
/// at once. With one, the signal is a stop request like any other, and its handler, seeing that the parent has changed,
/// also sets an alarm: the training loop may still save and end in good order, but after `limit` the process ends with
/// exit code 76 and one line on stderr, from a signal handler, so also when the main thread hangs in a collective whose
/// peers are gone. Training loops ask launcher_gone() between steps to end with a message of their own.
///
/// The parent is what the kernel watches: a launcher behind a wrapper script that does not `exec` this program is not
/// seen. Uses SIGALRM. Process-wide; call once, early, from the main thread.
/// Throws PeerError if the launcher is known to have died already.
void end_with_launcher(const LaunchContext& launch, std::chrono::seconds limit = std::chrono::seconds(5));

/// Process id of the launcher that end_with_launcher watches, or 0.
int watched_launcher();

/// True if that launcher has died. Asks the kernel; false when none is watched.
bool launcher_gone();

}  // namespace canine
