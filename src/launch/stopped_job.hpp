#pragma once

#include <sys/types.h>

#include <vector>

namespace canine {

/// Stops this process and the process groups of its children, as Ctrl-Z does with a job whose processes share the
/// terminal, until somebody continues this process (fg, bg, SIGCONT); then the groups go on as well.
///
/// Nothing wakes a stopped process but SIGCONT and SIGKILL, so a small process stays awake meanwhile: it continues this
/// one when a signal that asks for the end (request_signals.hpp) waits for it, and the groups when this one has been
/// killed, so that the kernel's SIGTERM to them (start_child) ends them. Call it with those signals blocked and while
/// there are no other threads.
void stop_job(const std::vector<pid_t>& groups);

}  // namespace canine
