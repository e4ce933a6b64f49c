#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "canine/checkpoint/pickle_value.hpp"
#include "canine/data/key.hpp"
#include "canine/model/mixer.hpp"
#include "canine/objective/metrics.hpp"
#include "canine/optim/adamw.hpp"
#include "canine/optim/loss_scaler.hpp"
#include "canine/optim/schedule.hpp"
#include "canine/text/formatter.hpp"
#include "canine/train/epoch_clock.hpp"

namespace canine {

/// Means of the running epoch, as sums over all processes.
struct EpochSums {
  double loss = 0;                   ///< sum of batch losses times rows, finite batches only
  double rows = 0;                   ///< rows of those batches
  int64_t batches = 0;               ///< steps of the epoch seen so far
  double batch_seconds = 0;          ///< whole steps, waiting for data included; mean over processes
  double data_seconds = 0;           ///< waiting for data; mean over processes
  std::vector<double> loss_by_rank;  ///< parts of `loss`, so that a resumed run adds up in the same order
};

/// What exact resumption and later use of a model need beyond the five keys of the Python program. Stored under the
/// sixth key "canine" in plain Python types.
struct RunState {
  EpochSums epoch;
  LossScaler::State scaler;
  int64_t nonfinite_steps = 0;  ///< skipped updates of the whole run
  int64_t nonfinite_in_a_row = 0;
  std::string keep_best;                              ///< the metric that best_metric is a value of
  std::optional<double> best_metric;                  ///< of the validations so far
  std::optional<ValidationMetrics> first_validation;  ///< of the run: accuracies and loss
  std::optional<double> seq2seq_weight;               ///< these three are absent in earlier checkpoints
  std::optional<double> weight_decay;
  std::optional<double> clip_norm;
  uint64_t seed = 0;
  int64_t batch_size = 0;  ///< rows of one process at a time
  int64_t num_rows = 0;    ///< training rows
  int64_t world_size = 1;
  int64_t grad_accum_steps = 1;
  int64_t global_batch_size =
      0;  ///< rows of a step of all processes; with the clock they give the position in the data
  std::string loss_scope = "process";
  EpochClock clock;  ///< steps_per_epoch 0 in checkpoints of the first version
  BlockLayout layout;
  int64_t max_len = 128;
  std::string padding = "reference";  ///< the mode a model was trained in; evaluation and prediction follow it
  std::string precision = "fp32";
  std::string data_fingerprint;
  std::string card;  ///< JSON of exchange/model_card.hpp; empty in checkpoints of earlier versions
  /// Flags ("--dropout") with their values as text that shape the training and that nothing else here shows. Empty in
  /// checkpoints of earlier versions.
  std::map<std::string, std::string> settings;
};

/// A checkpoint as the Python program writes it (model, optimizer, scheduler, step, key) plus "canine". Tensors share
/// memory with model and optimizer, so write it before the next step. Waits for the device.
/// Contract: model.md of the reference, `torch.optim.AdamW` and `LambdaLR` of PyTorch 2.11.
PickleValue checkpoint_content(Mixer& model, AdamW& optimizer, const LinearSchedule& schedule,
                               double base_learning_rate, int64_t step, const LabelKey* key, const RunState& state);

struct Restored {
  int64_t step = 0;
  double base_learning_rate = 0;  ///< scheduler's base_lrs
  std::optional<RunState> state;  ///< absent in checkpoints of the Python program
};

/// Copies a checkpoint into model and optimizer. `source` names the file in messages. Throws CheckpointError for keys
/// or shapes that do not fit, another number of optimizer parameters (frozen or not), another label key than `key`.
Restored restore_checkpoint(const PickleValue& content, Mixer& model, AdamW& optimizer, const LabelKey* key,
                            const std::string& source);

/// Throws InternalError naming the first place where two trees differ (tensors bit by bit, NaN equal to NaN).
void require_equal(const PickleValue& expected, const PickleValue& found, const std::string& path);

}  // namespace canine
