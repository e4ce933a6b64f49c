#pragma once

#include <cstdint>
#include <vector>

namespace canine {

/// Which rows of a data set one process sees, in which order.
///
/// Contract of torch.utils.data.DistributedSampler (PyTorch 2.11): all ranks draw the same permutation of
/// [0, num_rows) from MT19937(seed + epoch); rank r takes positions r, r + W, r + 2W, ...
/// Every rank gets the same number of rows, so no rank ever waits for a batch that another lacks:
///   kPad   repeats the first rows until num_rows is a multiple of W (validation of the reference)
///   kDrop  leaves out the last num_rows % W rows of the permutation (training of finetune)
/// With W = 1 this is a plain seeded shuffle, so W ranks x b rows see the global batches of one rank x W*b rows.
/// Knows nothing of processes or tensors: rank and world are integers, tests need no launcher.
class DistributedSampler {
 public:
  enum class Remainder { kPad, kDrop };

  struct Options {
    int64_t num_rows = 0;  ///< rows of the whole data set; 0 gives an empty epoch
    int rank = 0;          ///< this process, in [0, world)
    int world = 1;         ///< number of processes
    bool shuffle = true;   ///< false: file order
    uint64_t seed = 0;     ///< shared by all ranks
    Remainder remainder = Remainder::kPad;
  };

  /// Throws UsageError unless 0 <= rank < world and num_rows >= 0.
  explicit DistributedSampler(const Options& options);

  /// Row indices of this rank in epoch `epoch`, in the order to visit them.
  std::vector<int64_t> epoch(uint64_t epoch) const;

  /// Row indices of all ranks together in epoch `epoch`: position r + i * W is the i-th row of rank r.
  std::vector<int64_t> job_epoch(uint64_t epoch) const;

  int64_t rows_per_rank() const;

  const Options& options() const { return options_; }

 private:
  Options options_;
};

/// Positions of the rows that rank `rank` of `world` validates, in order: rows are cut into batches of `batch_size` in
/// file order, and batch k belongs to rank k mod world. So every row is validated once, and the batches are the same
/// whatever `world` is; a rank may have none. A loader with `batch_size` rows a batch gives them back as batches
/// rank, rank + world, ..., since only the very last one can be shorter.
std::vector<int64_t> validation_rows(int64_t num_rows, int64_t batch_size, int rank, int world);

}  // namespace canine
