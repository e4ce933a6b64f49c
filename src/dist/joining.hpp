#pragma once

#include <c10/util/intrusive_ptr.h>

#include <chrono>
#include <filesystem>
#include <string>

#include "canine/launch/launch_context.hpp"

namespace c10d {
class Store;
}  // namespace c10d

namespace canine {

/// A store that all ranks of this job, and no others, have joined.
struct JoinedStore {
  c10::intrusive_ptr<c10d::Store> store;
  std::string nonce;           ///< rank 0's random name for this job
  std::filesystem::path file;  ///< kFile: where the keys are
};

/// Joins the job: returns when all ranks have, or throws.
///
/// Every rank says hello with a token of its own. Rank 0 collects the hellos and answers all of them at once with its
/// nonce and the tokens it has seen, by rank. A rank whose token is not in the answer has met the store of another job
/// (one that still runs, or a file left behind), and is refused. UsageError: two processes with one rank, different
/// world sizes. PeerError: ranks missing at the deadline, by number; another job's store.
///
/// kTcp and kAgent join through one store. kFile: rank 0 makes a fresh file beside launch.store_file and names it in
/// there; the others follow the name until a living rank 0 answers, so what earlier jobs left behind misleads nobody.
JoinedStore join_job(const LaunchContext& launch, std::chrono::milliseconds timeout);

/// Whether rank 0's file `pointer` names `file` as the store of the job.
bool names(const std::filesystem::path& pointer, const std::filesystem::path& file);

}  // namespace canine
