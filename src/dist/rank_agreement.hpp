#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "canine/dist/process_group.hpp"

namespace canine {

/// The first of several lines that is not the same on all ranks.
struct Disagreement {
  size_t line;                       ///< its number, from 0
  std::vector<std::string> by_rank;  ///< what each rank has there, "" where it has no such line

  /// "a on ranks 0 and 2, b on rank 1".
  std::string describe() const;
};

/// Compares `lines` (without line breaks) over the ranks; every rank gets the same answer. A collective: one hash per
/// rank travels where all agree, everything where they do not.
std::optional<Disagreement> find_disagreement(ProcessGroup& group, const std::vector<std::string>& lines,
                                              const std::string& what);

}  // namespace canine
