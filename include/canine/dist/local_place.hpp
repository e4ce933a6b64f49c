#pragma once

#include <chrono>

#include "canine/dist/job_store.hpp"
#include "canine/launch/launch_context.hpp"

namespace canine {

/// The place of this process with its true numbers among the processes of its host. Where RANK and WORLD_SIZE alone
/// were given, only the processes themselves can tell who shares a host: each says where it is, and counts.
///
/// A collective of all ranks whose launcher is Launcher::kEnv; those that know their numbers (`local_world_is_known`)
/// only speak. Other launchers have told all, and nothing happens. Throws UsageError if a LOCAL_RANK that was given
/// does not fit, PeerError after `timeout`.
LaunchContext with_local_place(LaunchContext launch, JobStore& store, std::chrono::milliseconds timeout);

}  // namespace canine
