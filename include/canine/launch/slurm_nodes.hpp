#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace canine {

/// Host names of a Slurm node list, in order: "node[01-03,07],gpu5" is node01, node02, node03, node07, gpu5. A name may
/// have several brackets ("rack[0-1]n[0-3]"; the last one counts fastest); leading zeros are kept.
/// Throws UsageError for a list that is empty, malformed or longer than 65536 hosts.
std::vector<std::string> expand_slurm_nodes(std::string_view list);

/// Counts per node as in SLURM_STEP_TASKS_PER_NODE: "2(x3),1" is 2, 2, 2, 1. Throws UsageError likewise.
std::vector<int> expand_slurm_counts(std::string_view list);

}  // namespace canine
