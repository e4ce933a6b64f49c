#pragma once

#include <sys/types.h>

#include <csignal>
#include <string>
#include <vector>

#include "canine/launch/launch_context.hpp"

namespace canine {

/// What a child of self_launch is started with.
struct ChildPlan {
  std::string program;                 ///< file to run
  std::vector<std::string> arguments;  ///< argv
  Environment environment;             ///< all of it
  int inherited_fd = -1;               ///< a descriptor that stays open in the child, or -1
  sigset_t signal_mask{};              ///< of the child
};

/// Starts a process in a session of its own that is sent SIGTERM when the calling thread dies.
/// Throws IoError when it cannot be started.
pid_t start_child(const ChildPlan& plan);

/// File of the program that this process runs, usable after it was replaced on disk.
std::string own_program();

/// argv of this process.
std::vector<std::string> own_arguments();

}  // namespace canine
