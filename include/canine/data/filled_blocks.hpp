#pragma once

#include <cstdint>
#include <vector>

#include "canine/data/dataset.hpp"
#include "canine/data/sampler.hpp"

namespace canine {

/// K of every global batch: how many leading label blocks some row of it fills (objective/mixer_loss.hpp). Every rank
/// knows the order of all rows and every row's labels, so all ranks know it without asking each other.
class FilledBlocks {
 public:
  /// Encodes the labels of all rows once. A global batch is `rows_per_batch` rows of the order of all ranks.
  FilledBlocks(const Dataset& data, const DistributedSampler& sampler, int64_t rows_per_batch);

  /// Looks up every row of `epoch` once.
  void seek(uint64_t epoch);

  /// K of global batch `index` of the epoch.
  int64_t of_batch(int64_t index) const { return of_batch_.at(static_cast<size_t>(index)); }

 private:
  DistributedSampler sampler_;
  int64_t rows_per_batch_;
  std::vector<uint8_t> of_row_;
  std::vector<uint8_t> of_batch_;
};

}  // namespace canine
