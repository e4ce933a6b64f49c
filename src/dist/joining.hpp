#pragma once

#include <c10/util/intrusive_ptr.h>

#include <chrono>
#include <string>

#include "canine/launch/launch_context.hpp"

namespace c10d {
class Store;
}  // namespace c10d

namespace canine {

/// A store that all ranks of this job, and no others, have joined.
struct JoinedStore {
  c10::intrusive_ptr<c10d::Store> store;
  std::string nonce;  ///< rank 0's random name for this job
};

/// Joins the job: returns when all ranks have, or throws.
///
/// Every rank says hello with a token of its own. Rank 0 collects the hellos and answers all of them at once with its
/// nonce and the tokens it has seen, by rank. A rank whose token is not in the answer has met the store of another job
/// (one that still runs, or a file left behind), and is refused. UsageError: two processes with one rank, different
/// world sizes. PeerError: ranks missing at the deadline, by number; another job's store.
///
/// kTcp and kAgent join through one store. kFile: rank 0 serves a store at a port that the system chooses and says
/// where in launch.store_file, until all have joined; the others follow what the file says until a living rank 0
/// answers, so what earlier jobs left behind misleads nobody. Where all ranks are on one host it serves on the loopback
/// only.
JoinedStore join_job(const LaunchContext& launch, std::chrono::milliseconds timeout);

}  // namespace canine
