#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace canine {

/// How the learning rate follows the size of the global batch.
enum class LrScale {
  kNone,
  kSqrt,    ///< with the root of global batch / reference batch
  kLinear,  ///< with global batch / reference batch
};

/// "none", "sqrt", "linear".
const char* name_of(LrScale scale);

/// What --batch-size counts.
enum class BatchMeaning {
  kPerProcess,  ///< rows of each process: under a launcher
  kWhole,       ///< rows of all processes together: where the program starts its own processes
};

/// What was asked for.
struct BatchOptions {
  int64_t batch_size = 128;                  ///< see BatchMeaning
  std::optional<int64_t> global_batch_size;  ///< rows of one update over all processes; then batch_size does not count
  int64_t grad_accum_steps = 1;              ///< micro-batches of each process in one update
  double learning_rate = 2e-5;
  LrScale lr_scale = LrScale::kNone;
  /// Rows of an update for which learning_rate was chosen. None = those of one process where batch_size counts these;
  /// where it counts all rows, or global_batch_size is given, all of them, so that the rate stays as it is.
  std::optional<int64_t> lr_ref_batch;
};

/// How the rows of one update are spread: every process takes `per_process` rows at a time, `grad_accum_steps` times.
struct BatchPlan {
  int64_t per_process = 128;
  int processes = 1;
  int64_t grad_accum_steps = 1;
  LrScale lr_scale = LrScale::kNone;
  double base_learning_rate = 2e-5;  ///< as typed
  double learning_rate_factor = 1;

  /// Throws UsageError naming the flag, the number, and by what it must be divisible.
  static BatchPlan of(const BatchOptions& options, int processes, BatchMeaning meaning);

  int64_t global_batch() const { return per_process * processes * grad_accum_steps; }
  /// One process whose batches are those that were asked for, and so is the rate: text() says nothing new.
  bool is_plain() const { return processes == 1 && grad_accum_steps == 1 && lr_scale == LrScale::kNone; }
  double learning_rate() const { return base_learning_rate * learning_rate_factor; }

  /// Updates in an epoch of `rows_per_process` rows of each process; the last one may be smaller.
  int64_t steps_per_epoch(int64_t rows_per_process) const;

  /// "16 rows x 4 processes x 2 accumulation = global batch 128 | learning rate 2e-05 x 4 (linear) = 8e-05 |
  /// 113 steps per epoch", in one line. `rate_in_use` is another than learning_rate() where a checkpoint's goes on.
  std::string text(int64_t steps_per_epoch, double rate_in_use) const;
};

/// The largest number of devices, 1 to `available`, over which `rows` rows can be divided evenly.
int largest_even_division(int64_t rows, int available);

}  // namespace canine
