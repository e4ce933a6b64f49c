#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "canine/data/dataset.hpp"
#include "canine/data/key.hpp"
#include "canine/dist/process_group.hpp"
#include "canine/model/mixer.hpp"
#include "canine/objective/metrics.hpp"
#include "canine/text/augmentation.hpp"
#include "canine/train/batch_plan.hpp"
#include "canine/train/options.hpp"

namespace canine {

/// What a trainer works on. The model is on `device` already.
struct TrainParts {
  Mixer model{nullptr};
  c10::Device device = c10::Device(c10::DeviceType::CPU);
  std::shared_ptr<const Dataset> train;
  std::shared_ptr<const Dataset> val;                            ///< may be empty: then there are no validations
  std::shared_ptr<const Augmentation> augmentation;              ///< null = training texts as they are
  std::shared_ptr<const LabelKey> key;                           ///< written into checkpoints; null = none
  std::string data_fingerprint;                                  ///< written into checkpoints and compared on resuming
  std::string card;                                              ///< RunState::card, written into checkpoints
  std::map<std::string, std::string> settings;                   ///< RunState::settings, compared on resuming
  std::shared_ptr<ProcessGroup> group = ProcessGroup::single();  ///< the processes that train together
  /// What ask for the end (the number of a signal, 0 = none) or for a checkpoint in between. Looked at after each step,
  /// the former also before the first one and in validations; it is enough that one rank is asked. Null =
  /// StopRequest::signal, and never.
  std::function<int()> stop_signal;
  std::function<bool()> save_requested;
};

/// Where a run stands and how long it will be; for the table printed before the first step.
struct TrainPlan {
  int64_t steps_per_epoch = 0;
  int64_t total_steps = 0;
  int64_t warmup_steps = 0;
  int64_t first_step = 0;    ///< 0, or the step resumed from
  double learning_rate = 0;  ///< the highest: as given and scaled, or that of the checkpoint resumed from
  BatchPlan batches;         ///< BatchPlan::text(steps_per_epoch) is the line about them
};

enum class TrainEnd {
  kComplete,         ///< all steps done
  kAlreadyComplete,  ///< resumed at or past the end: nothing was done, nothing written
  kStopped,          ///< a signal came; a checkpoint of the last step was saved, if this run has done one
};

struct TrainResult {
  TrainEnd end = TrainEnd::kComplete;
  int64_t step = 0;
  int64_t nonfinite_steps = 0;             ///< updates of the whole run that were left out
  std::optional<ValidationMetrics> first;  ///< first validation of the run (before training with eval_at_start): means
  std::optional<ValidationMetrics> last;   ///< last validation of this process
};

/// One training run of all processes of a group: steps, validations, log lines, checkpoints, resuming.
///
/// Everything random in step s is a function of (seed, s, micro-batch, rank) or (seed, epoch, row), so a run stopped
/// after any step and resumed with as many processes ends with the same bits as one that was not. With another number
/// of processes and the same global batch it goes on with the same global batches in the same order (epoch_clock.hpp
/// says what becomes of rows that the processes leave over).
///
/// Every rank makes the same calls in the same order. Only rank 0 writes files and lines on stdout; what it cannot
/// write ends all ranks alike. A rank that cannot go on reports it to the others before it throws.
class Trainer {
 public:
  /// Freezes the encoder if asked, makes optimizer, schedule and loaders; all ranks get rank 0's weights. Throws
  /// UsageError for settings that do not fit the data or the number of processes.
  Trainer(TrainParts parts, const TrainOptions& options);
  ~Trainer();

  /// Goes on from the newest checkpoint in save_path, if there is one. Rank 0 chooses it, every rank reads it into main
  /// memory. Throws CheckpointError if it does not fit.
  bool resume();

  const TrainPlan& plan() const;

  /// Trains to the end or to a stop request. Throws PeerError when other processes are lost.
  TrainResult run();

  /// Teacher-forced metrics over the whole validation set (validation.hpp).
  ValidationMetrics validate();

  /// Two steps, a short validation, a checkpoint written aside, read again and compared; the run folder stays as it
  /// was. Throws what a real run would throw. The model is changed by the two steps.
  void dry_run();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace canine
