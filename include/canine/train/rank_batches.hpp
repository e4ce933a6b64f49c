#pragma once

#include <cstdint>
#include <optional>

#include "canine/data/loader.hpp"
#include "canine/dist/process_group.hpp"

namespace canine {

/// One rank's share of a data set whose rows each count once: rows are cut into batches in file order, whatever the
/// number W of ranks, and batch k belongs to rank k mod W. A rank may have none.
class RankBatches {
 public:
  /// `options.batch_size` fixes the batches. `data` must outlive it.
  RankBatches(const Dataset& data, const ProcessGroup& group, const BatchLoader::Options& options);

  /// Batches of all ranks, and the rows in one of them or in the first so many.
  int64_t size() const { return num_batches_; }
  int64_t rows_of(int64_t batch) const { return rows_before(batch + 1) - rows_before(batch); }
  int64_t rows_before(int64_t batch) const;

  /// Goes back to the first batch.
  void rewind() { loader_.seek(0); }

  /// This rank's next batch, or nullopt after its last one. rewind() comes first.
  std::optional<Batch> next() { return loader_.next(); }

 private:
  int64_t num_rows_;
  int64_t batch_size_;
  int64_t num_batches_;
  BatchLoader loader_;
};

}  // namespace canine
