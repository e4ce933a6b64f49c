#include "canine/train/trainer.hpp"

#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/full.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>
#include <fmt/ranges.h>

#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "canine/checkpoint/run_folder.hpp"
#include "canine/checkpoint/torch_file.hpp"
#include "canine/core/clock.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/log.hpp"
#include "canine/data/loader.hpp"
#include "canine/launch/stop_request.hpp"
#include "canine/optim/schedule.hpp"
#include "canine/report/logs_csv.hpp"
#include "canine/report/progress.hpp"
#include "canine/train/delayed_flag.hpp"
#include "canine/train/epoch_meter.hpp"
#include "canine/train/run_state.hpp"
#include "canine/train/training_step.hpp"

namespace canine {
namespace {

const std::string kRule(80, '=');

BatchLoader::Options loader_options(const TrainParts& parts, const TrainOptions& options) {
  BatchLoader::Options loader;
  loader.batch_size = options.batch_size;
  loader.num_workers = options.num_workers;
  loader.prefetch = options.prefetch_factor;
  loader.collate = {options.max_len, options.padding, options.pin_memory && !parts.device.is_cpu()};
  loader.seed = options.seed;
  return loader;
}

DistributedSampler sampler(int64_t num_rows, bool shuffle, uint64_t seed) {
  DistributedSampler::Options options;
  options.num_rows = num_rows;
  options.shuffle = shuffle;
  options.seed = seed;
  return DistributedSampler(options);
}

LinearSchedule make_schedule(const TrainOptions& options, int64_t total_steps) {
  if (options.warmup_steps) return {*options.warmup_steps, total_steps};
  return LinearSchedule::with_share(total_steps, options.warmup_pct);
}

BlockLayout layout_of(const TrainParts& parts) { return parts.train->formatter().layout(); }

LossLayout loss_layout(const BlockLayout& layout) { return {layout.num_blocks, layout.block_size, LabelIndex::kPad}; }

/// Higher is better.
double ranking(const ValidationMetrics& metrics, const std::string& metric) {
  if (metric == "seq_acc") return metrics.seq_acc;
  if (metric == "token_acc") return metrics.token_acc;
  if (metric == "flat_acc") return metrics.flat_acc;
  return -metrics.loss;
}

}  // namespace

struct Trainer::State {
  State(TrainParts parts_in, const TrainOptions& options_in);

  bool resume();
  TrainResult run();
  ValidationMetrics validate(int64_t max_batches);
  void dry_run();

  void train_epoch(int64_t epoch, int64_t first_batch, TrainResult& result);
  void train_batch(const Batch& batch);
  void after_step(int64_t epoch, int64_t batch_index, TrainResult& result);
  void check_last_step();
  void log_line(int64_t epoch, int64_t batch_index);
  void evaluate(TrainResult& result);
  void save(std::optional<double> metric = {});
  PickleValue content();
  RunState run_state();
  void require_finite_weights(const std::string& where);
  void compare_settings(const RunState& stored);
  double next_rate() const { return base_rate * schedule.factor(step); }
  bool evaluation_due() const { return step % options.eval_interval == 0 || step == plan.total_steps; }
  std::filesystem::path log_path() const { return options.save_path / "logs.csv"; }

  TrainParts parts;
  TrainOptions options;
  TrainingStep training_step;
  BatchLoader train_loader;
  BatchLoader val_loader;
  LinearSchedule schedule;
  TrainPlan plan;
  RunFolder folder;
  double base_rate = 0;
  int64_t step = 0;
  bool resumed_own = false;  // from a checkpoint of this program, so its evaluations are known from logs.csv
  int64_t saved_step = -1;   // step of the newest checkpoint written by this process
  int64_t nonfinite_steps = 0;
  int64_t nonfinite_in_a_row = 0;
  std::optional<double> best_metric;
  EpochMeter meter;
  at::Tensor gradient_norm;  // of the last step, on the device
  DelayedFlag skipped;
  int64_t flag_step = 0;  // the step that `skipped` is about, and the rows of its batch
  std::vector<int64_t> flag_rows;
};

Trainer::State::State(TrainParts parts_in, const TrainOptions& options_in)
    : parts(std::move(parts_in)),
      options(options_in),
      training_step(parts.model, parts.device, loss_layout(layout_of(parts)), options),
      train_loader(*parts.train, sampler(parts.train->size(), true, options.seed), parts.augmentation,
                   loader_options(parts, options)),
      val_loader(*parts.val, sampler(parts.val->size(), false, 0), nullptr, loader_options(parts, options)),
      folder({options.save_path, options.keep_last, options.keep_best}),
      base_rate(options.learning_rate),
      meter(parts.device) {
  plan.steps_per_epoch = train_loader.batches_per_epoch();
  plan.total_steps = plan.steps_per_epoch * options.num_epochs;
  schedule = make_schedule(options, plan.total_steps);
  plan.warmup_steps = schedule.warmup_steps;
}

// ---------------------------------------------------------------------------------------------------- the loop

TrainResult Trainer::State::run() {
  TrainResult result;
  result.step = step;
  // A run stopped right after a step that ends with an evaluation does it now, so that its log has no gap.
  const bool pending = resumed_own && step > 0 && evaluation_due() && last_logged_step(log_path()) < step;
  if (step >= plan.total_steps && step > 0 && !pending) {
    result.end = TrainEnd::kAlreadyComplete;
    return result;
  }
  if (pending) evaluate(result);
  if (step == 0 && options.eval_at_start && parts.val->size() > 0) {
    log_info("\n{}\nStarting evaluation pass before the first step...", kRule);
    result.first = validate(val_loader.batches_per_epoch());
  }
  while (step < plan.total_steps && result.end != TrainEnd::kStopped) {
    train_epoch(step / plan.steps_per_epoch, step % plan.steps_per_epoch, result);
  }
  result.step = step;
  if (result.end == TrainEnd::kStopped) return result;
  if (plan.total_steps == 0) evaluate(result);
  if (saved_step != step && !(pending && step == plan.first_step)) save();
  folder.finish();
  return result;
}

void Trainer::State::train_epoch(int64_t epoch, int64_t first_batch, TrainResult& result) {
  log_info("\n{}\nStarting Epoch {} (Step {}/{} - {:.1f}% complete)\n{}", kRule, epoch, step, plan.total_steps,
           100.0 * static_cast<double>(step) / static_cast<double>(plan.total_steps), kRule);
  if (first_batch == 0) meter.reset();
  parts.model->train();
  train_loader.seek(static_cast<uint64_t>(epoch), first_batch);
  ProgressBar bar(fmt::format("epoch {}", epoch), plan.steps_per_epoch, first_batch);
  Stopwatch whole;
  for (int64_t index = first_batch;; ++index) {
    Stopwatch waiting;
    const std::optional<Batch> batch = train_loader.next();
    if (!batch) return;
    const double data_seconds = waiting.seconds();
    train_batch(*batch);
    meter.add_time(whole.restart(), data_seconds);
    bar.update(index + 1);
    after_step(epoch, index, result);
    if (result.end == TrainEnd::kStopped) return;
    whole.restart();
  }
}

void Trainer::State::train_batch(const Batch& batch) {
  const TrainingStep::Outcome outcome = training_step.run(batch, step, next_rate());
  ++step;
  meter.add_loss(outcome.loss, outcome.skipped, batch.size());
  gradient_norm = outcome.gradient_norm;
  check_last_step();
  skipped.push(outcome.skipped);
  flag_step = step;
  flag_rows = batch.rows;
}

void Trainer::State::after_step(int64_t epoch, int64_t batch_index, TrainResult& result) {
  const bool end_of_epoch = batch_index + 1 == plan.steps_per_epoch;
  if (batch_index % options.log_interval == 0 || end_of_epoch) log_line(epoch, batch_index);
  if (StopRequest::signal() != 0) {
    save();
    result.end = TrainEnd::kStopped;
    return;
  }
  const bool save_due = options.save_each_epoch ? end_of_epoch : step % options.save_interval == 0;
  if (save_due) save();
  if (evaluation_due()) evaluate(result);
}

/// Reads the flag of the step before, which the device has long finished.
void Trainer::State::check_last_step() {
  const std::optional<bool> flag = skipped.take();
  if (!flag) return;
  if (!*flag) {
    nonfinite_in_a_row = 0;
    return;
  }
  ++nonfinite_steps;
  ++nonfinite_in_a_row;
  constexpr size_t kShown = 8;
  const auto shown = static_cast<std::ptrdiff_t>(std::min(kShown, flag_rows.size()));
  log_warning(
      "step {}: the loss or a gradient is not finite, so this update was left out. Training rows (from 0): {}{}",
      flag_step, fmt::join(flag_rows.begin(), flag_rows.begin() + shown, ", "),
      flag_rows.size() > kShown ? ", ..." : "");
  if (nonfinite_in_a_row >= options.max_nonfinite_steps) {
    throw InternalError(
        "{} steps in a row had no finite loss or gradient (--max-nonfinite-steps). Nothing was saved since; lower "
        "--learning-rate, or look at the rows named above",
        nonfinite_in_a_row);
  }
}

void Trainer::State::log_line(int64_t epoch, int64_t batch_index) {
  const EpochSums sums = meter.read();
  const double batches = static_cast<double>(std::max<int64_t>(1, sums.batches));
  const double seconds = sums.batch_seconds / batches;
  const int64_t left = plan.steps_per_epoch - batch_index - 1;
  log_info(
      "[Epoch {}] Batch {}/{} | Loss: {:.6f} | LR: {:.2e} | Grad norm: {:.3f} | Batch time: {:.2f}s (data: {:.2f}s) | "
      "Samples/sec: {:.1f} | ETA: {}",
      epoch, batch_index + 1, plan.steps_per_epoch, meter.mean_loss(), next_rate(), gradient_norm.item<float>(),
      seconds, sums.data_seconds / batches, meter.samples_per_second(),
      format_duration(seconds * static_cast<double>(left)));
}

// ---------------------------------------------------------------------------------------------------- validation

ValidationMetrics Trainer::State::validate(int64_t max_batches) {
  const c10::NoGradGuard no_grad;
  const bool was_training = parts.model->is_training();
  parts.model->eval();
  MetricSums sums(parts.device);
  const int64_t batches = std::min(max_batches, val_loader.batches_per_epoch());
  ProgressBar bar("validation", batches);
  val_loader.seek(0);
  for (int64_t index = 0; index < batches; ++index) {
    const Batch batch = to_device(*val_loader.next(), parts.device);
    const MixerOutput output = training_step.validation_forward(batch);
    sums.add(output.sequence_logits, output.flat_logits, batch.targets_seq2seq, batch.targets_linear,
             training_step.layout(), options.seq2seq_weight);
    bar.update(index + 1);
    if (index % 100 == 0) {
      const ValidationMetrics running = sums.means();
      log_info("  Eval Batch {}/{} | Seq Acc: {:.2f}% | Token Acc: {:.2f}% | Flat Acc: {:.2f}% | Val Loss: {:.6f}",
               index + 1, batches, running.seq_acc, running.token_acc, 100 * running.flat_acc, running.loss);
    }
  }
  parts.model->train(was_training);
  return sums.means();
}

void Trainer::State::evaluate(TrainResult& result) {
  if (parts.val->size() == 0) return;
  log_info("\n{}\nStarting evaluation pass...", kRule);
  const ValidationMetrics metrics = validate(val_loader.batches_per_epoch());
  check_last_step();
  const EpochSums sums = meter.read();
  const double batches = static_cast<double>(std::max<int64_t>(1, sums.batches));
  log_info(
      "{0}\nEVALUATION RESULTS (Step {1})\n{0}\n"
      "Validation Loss     : {2:.6f} (Linear: {3:.6f}, Seq2Seq: {4:.6f})\n"
      "Training Loss       : {5:.6f}\nSequence Accuracy   : {6:.2f}%\nToken Accuracy      : {7:.2f}%\n"
      "Flat Accuracy       : {8:.2f}%\nLearning Rate       : {9:.2e}\n{0}\n",
      kRule, step, metrics.loss, metrics.loss_linear, metrics.loss_seq2seq, meter.mean_loss(), metrics.seq_acc,
      metrics.token_acc, 100 * metrics.flat_acc, next_rate());
  append_log(log_path(), {step, sums.batch_seconds / batches, sums.data_seconds / batches, meter.mean_loss(),
                          metrics.loss, metrics.loss_linear, metrics.loss_seq2seq, metrics.seq_acc, metrics.token_acc,
                          metrics.flat_acc, next_rate()});
  if (!result.first) result.first = metrics;
  result.last = metrics;
  if (options.keep_best.empty()) return;
  const double value = ranking(metrics, options.keep_best);
  if (best_metric && value <= *best_metric) return;
  best_metric = value;
  save(value);
}

// ---------------------------------------------------------------------------------------------------- checkpoints

RunState Trainer::State::run_state() {
  RunState state;
  state.epoch = meter.read();
  state.scaler = training_step.scaler().state();
  state.nonfinite_steps = nonfinite_steps;
  state.nonfinite_in_a_row = nonfinite_in_a_row;
  state.best_metric = best_metric;
  state.seed = options.seed;
  state.batch_size = options.batch_size;
  state.num_rows = parts.train->size();
  state.layout = layout_of(parts);
  state.max_len = options.max_len;
  state.padding = name_of(options.padding);
  state.precision = name_of(options.precision);
  state.data_fingerprint = parts.data_fingerprint;
  return state;
}

PickleValue Trainer::State::content() {
  return checkpoint_content(parts.model, training_step.optimizer(), schedule, base_rate, step, parts.key.get(),
                            run_state());
}

void Trainer::State::require_finite_weights(const std::string& where) {
  const c10::NoGradGuard no_grad;
  const std::vector<at::Tensor> norms = at::_foreach_norm(parts.model->parameters());
  if (at::isfinite(at::stack(norms)).all().item<bool>()) return;
  for (const auto& item : parts.model->named_parameters()) {
    if (!at::isfinite(item.value()).all().item<bool>()) {
      throw InternalError(
          "{}: the weights {} are not finite, so nothing was saved and the last checkpoint is kept. "
          "Lower --learning-rate and start again to resume",
          where, item.key());
    }
  }
}

/// `metric`: the value that --keep-best ranks, if this step has just been validated.
void Trainer::State::save(std::optional<double> metric) {
  check_last_step();
  if (saved_step == step) {
    if (metric) folder.set_metric(step, *metric);
    return;
  }
  require_finite_weights(fmt::format("step {}", step));
  const std::filesystem::path path = folder.save(step, content(), metric);
  saved_step = step;
  log_info("Saved {} and last.bin", path.string());
}

bool Trainer::State::resume() {
  const auto found = folder.newest();
  if (!found) return false;
  const std::string source = found->path.string();
  const Restored restored =
      restore_checkpoint(found->content, parts.model, training_step.optimizer(), parts.key.get(), source);
  require_finite_weights(source);
  step = plan.first_step = restored.step;
  log_info("Resuming from {} (step {} of {})", source, step, plan.total_steps);
  if (restored.base_learning_rate != options.learning_rate) {
    log_note("the rate stored in {} is used, {}; --learning-rate {} is ignored (docs/differences.md, D21)", source,
             restored.base_learning_rate, options.learning_rate);
    base_rate = restored.base_learning_rate;
  }
  if (!restored.state) return true;
  const RunState& state = *restored.state;
  compare_settings(state);
  resumed_own = true;
  meter.restore(state.epoch);
  training_step.scaler().load(state.scaler);
  nonfinite_steps = state.nonfinite_steps;
  nonfinite_in_a_row = state.nonfinite_in_a_row;
  best_metric = state.best_metric;
  trim_log(log_path(), step);
  return true;
}

void Trainer::State::compare_settings(const RunState& stored) {
  if (stored.padding != name_of(options.padding)) {
    throw CheckpointError(
        "the checkpoint was trained with --padding {}, now --padding {} was asked for; models of one "
        "mode are wrong in the other",
        stored.padding, name_of(options.padding));
  }
  const auto differs = [](const char* flag, const auto& was, const auto& now) {
    if (was == now) return;
    log_note(
        "{} was {} when the checkpoint was written and is {} now; the run goes on with {} from the position its "
        "step implies, not as it would have without a stop",
        flag, was, now, now);
  };
  differs("--batch-size", stored.batch_size, options.batch_size);
  differs("--seed", stored.seed, options.seed);
  differs("--max-len", stored.max_len, options.max_len);
  differs("--precision", stored.precision, std::string(name_of(options.precision)));
  differs("the number of training rows", stored.num_rows, parts.train->size());
  if (stored.data_fingerprint != parts.data_fingerprint && stored.num_rows == parts.train->size()) {
    log_note("the training data are not those the checkpoint was trained on");
  }
}

void Trainer::State::dry_run() {
  parts.model->train();
  train_loader.seek(0);
  for (int i = 0; i < 2; ++i) {
    const std::optional<Batch> batch = train_loader.next();
    if (!batch) break;
    train_batch(*batch);
    log_line(0, i);
  }
  check_last_step();
  validate(2);
  require_finite_weights("dry run");
  const std::filesystem::path aside = options.save_path / fmt::format(".dry-run-{}", ::getpid());
  std::filesystem::create_directories(aside);
  const struct Remove {
    const std::filesystem::path& path;
    ~Remove() {
      std::error_code ignored;
      std::filesystem::remove_all(path, ignored);
    }
  } remove{aside};
  const PickleValue written = content();
  const WrittenFile file = write_torch_file(aside / "dry-run.bin", written);
  require_equal(written, read_torch_file(aside / "dry-run.bin"), "checkpoint");
  log_info("Dry run passed: two steps, a validation, and a checkpoint of {} bytes written, read again and equal",
           format_count(static_cast<int64_t>(file.bytes)));
}

// ---------------------------------------------------------------------------------------------------- interface

Trainer::Trainer(TrainParts parts, const TrainOptions& options) {
  options.validate();
  if (parts.train->size() == 0) throw UsageError("there are no training rows; --share-val must leave some");
  if (parts.val->size() == 0) {
    log_warning("there are no validation rows, so there will be no validations and no logs.csv (--share-val)");
  }
  state_ = std::make_unique<State>(std::move(parts), options);
}

Trainer::~Trainer() = default;
bool Trainer::resume() { return state_->resume(); }
const TrainPlan& Trainer::plan() const { return state_->plan; }
TrainResult Trainer::run() { return state_->run(); }
ValidationMetrics Trainer::validate() { return state_->validate(state_->val_loader.batches_per_epoch()); }
void Trainer::dry_run() { state_->dry_run(); }

}  // namespace canine
