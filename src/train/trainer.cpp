#include "canine/train/trainer.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <span>
#include <utility>

#include "canine/core/clock.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/fault_injection.hpp"
#include "canine/core/log.hpp"
#include "canine/launch/stop_request.hpp"
#include "canine/report/progress.hpp"
#include "canine/train/loss_layout.hpp"
#include "canine/train/main_rank.hpp"
#include "trainer_state.hpp"

namespace canine {
namespace {

BatchLoader::Options loader_options(const TrainParts& parts, const TrainOptions& options, int64_t batch_size) {
  BatchLoader::Options loader;
  loader.batch_size = batch_size;
  loader.num_workers = options.num_workers;
  loader.prefetch = options.prefetch_factor;
  loader.collate = {.max_len = options.max_len,
                    .padding = options.padding,
                    .cleaning = options.cleaning,
                    .pin_memory = options.pin_memory && !parts.device.is_cpu()};
  loader.seed = options.seed;
  return loader;
}

DistributedSampler training_sampler(const TrainParts& parts, const TrainOptions& options) {
  return DistributedSampler({.num_rows = parts.train->size(),
                             .rank = parts.group->rank(),
                             .world = parts.group->world(),
                             .shuffle = true,
                             .seed = options.seed,
                             .remainder = options.remainder});
}

LinearSchedule make_schedule(const TrainOptions& options, int64_t total_steps) {
  if (options.warmup_steps) return {*options.warmup_steps, total_steps};
  return LinearSchedule::with_share(total_steps, options.warmup_pct);
}

Validation::Options validation_options(const TrainParts& parts, const TrainOptions& options) {
  const int64_t batch_size = options.eval_batch_size > 0 ? options.eval_batch_size : options.batch_size;
  return {loader_options(parts, options, batch_size), loss_layout(parts.train->formatter()), options.seq2seq_weight};
}

TrainPlan make_plan(const TrainParts& parts, const TrainOptions& options) {
  TrainPlan plan;
  plan.batches = options.plan_batches(parts.group->launch());
  plan.learning_rate = plan.batches.learning_rate();
  plan.steps_per_epoch = plan.batches.steps_per_epoch(training_sampler(parts, options).rows_per_rank());
  return plan;
}

/// A row of the training data, which stands in where it only matters that there is one.
Batch tiny_batch(const TrainParts& parts, const TrainOptions& options) {
  constexpr int64_t kRow = 0;
  return collate(*parts.train, std::span(&kRow, 1),
                 {.max_len = options.max_len, .padding = options.padding, .cleaning = options.cleaning});
}

/// Tells the other processes when this one ends with a fault of its own.
template <typename Work>
auto reporting_faults(ProcessGroup& group, const Work& work) {
  try {
    return work();
  } catch (const PeerError&) {
    throw;
  } catch (const std::exception& error) {
    group.report_fault(error.what());
    throw;
  }
}

std::string message_of(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "an unknown error";
  }
}

}  // namespace

Trainer::State::State(TrainParts parts_in, const TrainOptions& options_in)
    : parts(std::move(parts_in)),
      options(options_in),
      plan(make_plan(parts, options)),
      training_step(parts.model, parts.device, loss_layout(parts.train->formatter()), options, parts.group),
      train_loader(*parts.train, training_sampler(parts, options), parts.augmentation,
                   loader_options(parts, options, plan.batches.per_process)),
      validation(*parts.val, parts.model, parts.device, parts.group, validation_options(parts, options)),
      folder({options.save_path, options.keep_last, options.keep_best}),
      meter(parts.device, parts.group),
      agreement(parts.group) {
  if (!parts.stop_signal) parts.stop_signal = &StopRequest::signal;
  if (group().world() > 1) stand_in = tiny_batch(parts, options);
  if (options.loss_scope == LossScope::kGlobal) {
    filled_blocks.emplace(*parts.train, training_sampler(parts, options), plan.batches.global_batch());
  }
  set_clock({.steps_per_epoch = plan.steps_per_epoch});
}

void Trainer::State::set_clock(const EpochClock& new_clock) {
  clock = new_clock;
  plan.total_steps = clock.total_steps(options.num_epochs);
  schedule = make_schedule(options, plan.total_steps);
  plan.warmup_steps = schedule.warmup_steps;
}

TrainResult Trainer::State::run() {
  TrainResult result;
  result.step = step;
  run_to_the_end(result);
  result.step = step;
  result.nonfinite_steps = nonfinite_steps;
  result.first = first_validation;
  return result;
}

void Trainer::State::run_to_the_end(TrainResult& result) {
  // A run stopped right after a step that ends with an evaluation does it now, so that its log has no gap.
  const bool pending = resumed_own && step > 0 && evaluation_due() && evaluation_is_missing();
  if (step >= plan.total_steps && step > 0 && !pending) {
    result.end = TrainEnd::kAlreadyComplete;
    return;
  }
  if (stop_is_wanted()) result.end = TrainEnd::kStopped;
  if (pending && result.end != TrainEnd::kStopped) evaluate(result);
  if (step == 0 && options.eval_at_start && result.end != TrainEnd::kStopped) evaluate_at_start(result);
  if (result.end == TrainEnd::kStopped) return;
  // The first step warms up: it may take as long as joining the job.
  group().set_step_timeout(std::max(group().options().timeout_init, group().options().timeout_step));
  if (step < plan.total_steps && group().world() >= 3) {
    parts.model->train();
    training_step.settle_buckets(stand_in);
  }
  while (step < plan.total_steps && result.end != TrainEnd::kStopped) train_epoch(result);
  if (result.end == TrainEnd::kStopped) return;
  require_nobody_failed(agreement.settle().failed_rank);
  if (plan.total_steps == 0) evaluate(result);
  if (result.end == TrainEnd::kStopped) return;
  if (saved_step != step && !(pending && step == plan.first_step)) save();
  on_main_rank(group(), "the end of the run", [&] { folder.finish(); });
}

void Trainer::State::train_epoch(TrainResult& result) {
  const int64_t epoch = clock.epoch_of(step);
  const int64_t first_batch = clock.batch_of(step);
  if (is_main()) {
    log_info("\n{}\nStarting Epoch {} (Step {}/{} - {:.1f}% complete)\n{}", kRule, epoch, step, plan.total_steps,
             100.0 * static_cast<double>(step) / static_cast<double>(plan.total_steps), kRule);
  }
  if (first_batch == 0) meter.reset();
  parts.model->train();
  train_loader.seek(static_cast<uint64_t>(epoch), first_batch * options.grad_accum_steps);
  if (filled_blocks) filled_blocks->seek(static_cast<uint64_t>(epoch));
  std::optional<ProgressBar> bar;
  if (is_main()) bar.emplace(fmt::format("epoch {}", epoch), plan.steps_per_epoch, first_batch);
  for (int64_t index = first_batch; index < plan.steps_per_epoch; ++index) {
    timed_step(index, [&] { return micro_batches_or_stand_in(index); });
    group().set_step_timeout(group().options().timeout_step);
    if (bar) bar->update(index + 1);
    after_step(epoch, index, result);
    if (result.end == TrainEnd::kStopped) return;
  }
}

/// Trains on what `load` returns; the meter gets the times of both.
void Trainer::State::timed_step(int64_t batch_index, const std::function<std::vector<Batch>()>& load) {
  const Stopwatch whole;
  group().enter(fmt::format("step {}: loading data", step + 1));
  const std::vector<Batch> batches = load();
  const double data_seconds = whole.seconds();
  group().enter(fmt::format("step {}: training", step + 1));
  const double own_seconds = train_batch(batches, batch_index);
  meter.add_time(whole.seconds(), data_seconds, data_seconds + own_seconds);
}

/// This rank's share of global batch `batch_index` of the epoch; the last one of an epoch may have fewer micro-batches,
/// on all ranks alike.
std::vector<Batch> Trainer::State::next_micro_batches(int64_t batch_index) {
  const int64_t first = batch_index * options.grad_accum_steps;
  const int64_t count = std::min(options.grad_accum_steps, train_loader.batches_per_epoch() - first);
  std::vector<Batch> batches;
  for (int64_t i = 0; i < count; ++i) {
    std::optional<Batch> batch = train_loader.next();
    if (!batch) {
      throw InternalError("the training data ended at batch {} of {}", first + i, train_loader.batches_per_epoch());
    }
    batches.push_back(std::move(*batch));
  }
  return batches;
}

/// A rank whose data fail still takes part in the steps until all ranks have read its notice, with a row that it has,
/// so that the others do not wait for it. Nothing of these steps is saved.
std::vector<Batch> Trainer::State::micro_batches_or_stand_in(int64_t batch_index) {
  if (group().world() == 1) return next_micro_batches(batch_index);
  try {
    fault_point("loader", group().rank(), step + 1);
    if (!own_failure) return next_micro_batches(batch_index);
  } catch (...) {
    own_failure = std::current_exception();
  }
  return {stand_in};
}

double Trainer::State::train_batch(const std::vector<Batch>& micro_batches, int64_t batch_index) {
  std::optional<int64_t> blocks;
  if (filled_blocks) blocks = filled_blocks->of_batch(batch_index);
  const TrainingStep::Outcome outcome = training_step.run(micro_batches, step, next_rate(), blocks);
  ++step;
  std::vector<int64_t> rows;
  for (const Batch& batch : micro_batches) rows.insert(rows.end(), batch.rows.begin(), batch.rows.end());
  meter.add_loss(outcome.loss, outcome.skipped, static_cast<int64_t>(rows.size()));
  gradient_norm = outcome.gradient_norm;
  check_last_step();
  fault.push(outcome.fault);
  fault_step = step;
  fault_rows = std::move(rows);
  return outcome.own_seconds;
}

/// What all ranks agree on before the first step of this process.
bool Trainer::State::stop_is_wanted() {
  return agreement.exchange(step, {.stop_signal = parts.stop_signal()}).joined(agreement.settle()).stop_signal != 0;
}

StepNotice Trainer::State::own_notice() const {
  const bool save_requested = parts.save_requested && parts.save_requested();
  return {.stop_signal = parts.stop_signal(),
          .save_requested = save_requested,
          .failed_rank = own_failure ? group().rank() : -1};
}

void Trainer::State::after_step(int64_t epoch, int64_t batch_index, TrainResult& result) {
  const bool end_of_epoch = batch_index + 1 == plan.steps_per_epoch;
  if (batch_index % options.log_interval == 0 || end_of_epoch) log_line(epoch, batch_index);
  if (options.check_sync > 0 && step % options.check_sync == 0) {
    training_step.check_in_sync(fmt::format("step {}", step));
  }
  const bool save_due = options.save_each_epoch ? end_of_epoch : step % options.save_interval == 0;
  StepNotice agreed = agreement.exchange(step, own_notice());
  if (save_due || agreed.save_requested || evaluation_due()) agreed = agreed.joined(agreement.settle());
  require_nobody_failed(agreed.failed_rank);
  if (agreed.stop_signal != 0) {
    save();
    result.end = TrainEnd::kStopped;
    return;
  }
  if (save_due || agreed.save_requested) save();
  if (evaluation_due()) evaluate(result);
}

void Trainer::State::require_nobody_failed(int failed_rank) {
  if (failed_rank < 0) return;
  const std::string what = fmt::format("the fault of rank {}", failed_rank);
  const std::string cause =
      group().broadcast_text(own_failure ? message_of(own_failure) : std::string(), failed_rank, what);
  if (own_failure) std::rethrow_exception(own_failure);
  throw PeerError("rank {} could not go on after step {}: {}", failed_rank, step, cause);
}

/// Reads the flag of the step before, which the device has long finished.
void Trainer::State::check_last_step() {
  const std::optional<float> found = fault.take();
  if (!found) return;
  if (*found == 0) {
    nonfinite_in_a_row = 0;
    return;
  }
  ++nonfinite_steps;
  ++nonfinite_in_a_row;
  name_rows_left_out(*found == 2);
  if (nonfinite_in_a_row >= options.max_nonfinite_steps) {
    throw InternalError(
        "{} steps in a row had no finite loss or gradient (--max-nonfinite-steps). Nothing was saved since; lower "
        "--learning-rate, or look at the rows named above",
        nonfinite_in_a_row);
  }
}

/// With several processes the one whose loss was not finite names its rows, and the first says what became of the step.
void Trainer::State::name_rows_left_out(bool own_loss) const {
  const std::string rows = fmt::format("Training rows (from 0): {}", fmt::join(fault_rows, ", "));
  if (group().world() == 1) {
    log_warning("step {}: the loss or a gradient is not finite, so this update was left out. {}", fault_step, rows);
  } else if (own_loss) {
    log_warning("step {}: the loss is not finite here, so all processes left this update out. {}", fault_step, rows);
  } else if (is_main()) {
    log_warning(
        "step {}: the loss of another process or the averaged gradients are not finite, so all processes left "
        "this update out. Rank 0's {}",
        fault_step, rows);
  }
}

// ---------------------------------------------------------------------------------------------------- interface

Trainer::Trainer(TrainParts parts, const TrainOptions& options) {
  options.validate();
  const ProcessGroup& group = *parts.group;
  if (parts.train->size() == 0) throw UsageError("there are no training rows");
  if (parts.train->size() < group.world()) {
    throw UsageError("{} training rows are too few for {} processes", parts.train->size(), group.world());
  }
  if (parts.val->size() == 0 && group.is_main()) {
    log_warning("there are no validation rows, so there will be no validations and no logs.csv");
  }
  state_ = std::make_unique<State>(std::move(parts), options);
}

Trainer::~Trainer() = default;
const TrainPlan& Trainer::plan() const { return state_->plan; }

bool Trainer::resume() {
  return reporting_faults(state_->group(), [&] { return state_->resume(); });
}
TrainResult Trainer::run() {
  return reporting_faults(state_->group(), [&] { return state_->run(); });
}
ValidationMetrics Trainer::validate() {
  return reporting_faults(state_->group(), [&] { return state_->validation.run(); });
}
void Trainer::dry_run() {
  reporting_faults(state_->group(), [&] { state_->dry_run(); });
}

}  // namespace canine
