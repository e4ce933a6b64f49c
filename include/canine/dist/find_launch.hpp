#pragma once

#include "canine/launch/launch_context.hpp"

namespace canine {

/// Place of this process by its own environment: resolve_launch with the variables and facts of this process, where MPI
/// counts only if its plug-in can be opened. Throws UsageError.
LaunchContext find_launch(const LaunchFlags& flags = {});

}  // namespace canine
