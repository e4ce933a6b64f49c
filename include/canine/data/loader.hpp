#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "canine/data/dataset.hpp"
#include "canine/data/sampler.hpp"

namespace canine {

/// Batches of one epoch after the other, made ahead of time by native threads.
///
/// The batches are a function of (data, sampler, options without num_workers and prefetch, epoch, index), so any number
/// of workers gives the same ones in the same order, and a position is just (epoch, index of the next batch).
/// What a worker threw is thrown by next() in the place of its batch. Destruction joins the threads. One thread at a
/// time may call seek() and next().
class BatchLoader {
 public:
  struct Options {
    int64_t batch_size = 128;  ///< rows; the last batch of an epoch may be smaller
    int num_workers = 0;       ///< threads; 0 makes each batch when asked for
    int prefetch = 4;          ///< batches made ahead per worker, >= 1
    CollateOptions collate = {};
    uint64_t seed = 0;  ///< of the augmentation
  };

  /// `data` must outlive the loader. `augmentation` may be null (validation). Throws UsageError naming the flag.
  BatchLoader(const Dataset& data, const DistributedSampler& sampler, std::shared_ptr<const Augmentation> augmentation,
              const Options& options);

  /// The same `rows` in the same order in every epoch (validation_rows of sampler.hpp). May be none.
  BatchLoader(const Dataset& data, std::vector<int64_t> rows, std::shared_ptr<const Augmentation> augmentation,
              const Options& options);
  ~BatchLoader();
  BatchLoader(const BatchLoader&) = delete;
  BatchLoader& operator=(const BatchLoader&) = delete;

  int64_t batches_per_epoch() const;

  /// Goes to batch `next_batch` of `epoch` in O(rows) time for the permutation and without making skipped batches.
  void seek(uint64_t epoch, int64_t next_batch = 0);

  /// Next batch of the epoch, or nullopt at its end. seek() starts an epoch.
  std::optional<Batch> next();

 private:
  struct Order;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace canine
