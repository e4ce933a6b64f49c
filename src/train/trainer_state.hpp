#pragma once

#include <exception>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "canine/checkpoint/run_folder.hpp"
#include "canine/data/filled_blocks.hpp"
#include "canine/data/loader.hpp"
#include "canine/optim/schedule.hpp"
#include "canine/train/delayed_number.hpp"
#include "canine/train/epoch_clock.hpp"
#include "canine/train/epoch_meter.hpp"
#include "canine/train/run_state.hpp"
#include "canine/train/step_agreement.hpp"
#include "canine/train/trainer.hpp"
#include "canine/train/training_step.hpp"
#include "canine/train/validation.hpp"

namespace canine {

/// Around headings of the run's story.
inline const std::string kRule(80, '=');

/// The running training. Its functions are in trainer.cpp (set-up and loop), trainer_report.cpp (lines, validations)
/// and trainer_checkpoints.cpp (saving, resuming, dry run).
struct Trainer::State {
  State(TrainParts parts_in, const TrainOptions& options_in);

  // Loop
  TrainResult run();
  void run_to_the_end(TrainResult& result);
  void train_epoch(TrainResult& result);
  std::vector<Batch> next_micro_batches(int64_t batch_index);
  std::vector<Batch> micro_batches_or_stand_in(int64_t batch_index);
  void timed_step(int64_t batch_index, const std::function<std::vector<Batch>()>& load);
  double train_batch(const std::vector<Batch>& micro_batches, int64_t batch_index);
  void after_step(int64_t epoch, int64_t batch_index, TrainResult& result);
  bool stop_is_wanted();
  StepNotice own_notice() const;
  void require_nobody_failed(int failed_rank);
  void check_last_step();
  void name_rows_left_out(bool own_loss) const;
  void set_clock(const EpochClock& new_clock);

  // Lines and validations
  void log_line(int64_t epoch, int64_t batch_index);
  void log_slowest(const EpochMeter::Reading& reading) const;
  void evaluate(TrainResult& result);
  void evaluate_at_start(TrainResult& result);
  void break_off(TrainResult& result);
  bool evaluation_is_missing();

  // Checkpoints
  bool resume();
  void go_on_from(const RunState& stored);
  std::optional<double> best_so_far(const RunState& stored);
  void require_padding(const std::string& stored) const;
  void require_cleaning(const TextCleaning& stored) const;
  void compare_settings(const RunState& stored) const;
  void compare_cards(const std::string& stored) const;
  void save(std::optional<double> metric = {});
  PickleValue content();
  RunState run_state();
  void require_finite_weights(const std::string& where);
  void dry_run();

  ProcessGroup& group() const { return *parts.group; }
  bool is_main() const { return group().is_main(); }
  double next_rate() const { return plan.learning_rate * schedule.factor(step); }
  bool evaluation_due() const { return step % options.eval_interval == 0 || step == plan.total_steps; }
  std::filesystem::path log_path() const { return options.save_path / "logs.csv"; }

  TrainParts parts;
  TrainOptions options;
  TrainPlan plan;
  TrainingStep training_step;
  BatchLoader train_loader;
  Validation validation;
  std::optional<FilledBlocks> filled_blocks;  // with LossScope::kGlobal
  EpochClock clock;
  LinearSchedule schedule;
  RunFolder folder;
  int64_t step = 0;
  bool resumed_own = false;  // from a checkpoint of this program, so its evaluations are known from logs.csv
  int64_t saved_step = -1;   // step of the newest checkpoint written by this run
  int64_t nonfinite_steps = 0;
  int64_t nonfinite_in_a_row = 0;
  std::optional<double> best_metric;
  std::optional<ValidationMetrics> first_validation;  // of the run, earlier processes included
  EpochMeter meter;
  StepAgreement agreement;
  std::exception_ptr own_failure;  // of the loader; the others hear of it after the step
  Batch stand_in;                  // with several processes: what such a rank trains on until then
  at::Tensor gradient_norm;        // of the last step, on the device
  DelayedNumber fault;             // TrainingStep::Outcome::fault of the last step
  int64_t fault_step = 0;          // the step that `fault` is about, and this rank's rows of it
  std::vector<int64_t> fault_rows;
};

}  // namespace canine
