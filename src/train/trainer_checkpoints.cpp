#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/stack.h>
#include <c10/core/GradMode.h>
#include <unistd.h>

#include <cstdlib>

#include "canine/checkpoint/torch_file.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/fault_injection.hpp"
#include "canine/core/log.hpp"
#include "canine/core/readable.hpp"
#include "canine/exchange/model_card.hpp"
#include "canine/model/encoder_config.hpp"
#include "canine/report/logs_csv.hpp"
#include "canine/train/main_rank.hpp"
#include "trainer_state.hpp"

namespace canine {
namespace {

constexpr const char* kEncoderFlag = "--encoder";  // gives the first weights only

void require_same(std::string_view what, std::string_view stored, std::string_view now) {
  if (stored == now) return;
  throw CheckpointError(
      "the checkpoint was trained with {} {}, now {} {} was asked for; start with the former settings, or use another "
      "folder for the run",
      what, stored, what, now);
}

}  // namespace

RunState Trainer::State::run_state() {
  RunState state;
  state.epoch = meter.read().sums;
  state.scaler = training_step.scaler().state();
  state.nonfinite_steps = nonfinite_steps;
  state.nonfinite_in_a_row = nonfinite_in_a_row;
  state.keep_best = options.keep_best;
  state.best_metric = best_metric;
  state.first_validation = first_validation;
  state.seq2seq_weight = options.seq2seq_weight;
  state.weight_decay = options.weight_decay;
  state.clip_norm = options.clip_norm;
  state.seed = options.seed;
  state.batch_size = plan.batches.per_process;
  state.num_rows = parts.train->size();
  state.world_size = plan.batches.processes;
  state.grad_accum_steps = plan.batches.grad_accum_steps;
  state.global_batch_size = plan.batches.global_batch();
  state.loss_scope = name_of(options.loss_scope);
  state.clock = clock;
  state.layout = parts.train->formatter().layout();
  state.max_len = options.max_len;
  state.padding = name_of(options.padding);
  state.precision = name_of(options.precision);
  state.data_fingerprint = parts.data_fingerprint;
  state.card = parts.card;
  state.settings = parts.settings;
  return state;
}

PickleValue Trainer::State::content() {
  return checkpoint_content(parts.model, training_step.optimizer(), schedule, plan.learning_rate, step, parts.key.get(),
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

/// `metric`: the value that --keep-best ranks, if this step has just been validated. Called by all ranks after the same
/// step; the first one writes.
void Trainer::State::save(std::optional<double> metric) {
  check_last_step();
  const std::string what = fmt::format("the checkpoint of step {}", step);
  if (saved_step == step) {
    if (metric) on_main_rank(group(), what, [&] { folder.set_metric(step, *metric); });
    return;
  }
  require_finite_weights(fmt::format("step {}", step));
  const RunState state = run_state();
  fault_point("pre_save", group().rank(), step);
  on_main_rank(group(), what, [&] {
    const PickleValue written = checkpoint_content(parts.model, training_step.optimizer(), schedule, plan.learning_rate,
                                                   step, parts.key.get(), state);
    log_info("Saved {} and last.bin", folder.save(step, written, metric).string());
  });
  saved_step = step;
}

bool Trainer::State::resume() {
  std::optional<RunFolder::Found> found;
  const std::string source = text_of_main_rank(group(), "the newest checkpoint", [&] {
    found = folder.newest();
    return found ? found->path.string() : std::string();
  });
  if (source.empty()) return false;
  if (!found) found = RunFolder::Found{source, read_torch_file(source)};
  const Restored restored =
      restore_checkpoint(found->content, parts.model, training_step.optimizer(), parts.key.get(), source);
  found.reset();
  require_finite_weights(source);
  training_step.check_in_sync("the weights read from " + source);
  step = plan.first_step = restored.step;
  if (is_main()) log_info("Resuming from {} (step {} of {})", source, step, plan.total_steps);
  if (restored.base_learning_rate != plan.learning_rate) {
    if (is_main()) {
      log_note("the rate stored in {} is used, {}; --learning-rate {} is ignored (docs/differences.md, D21)", source,
               restored.base_learning_rate, plan.learning_rate);
    }
    plan.learning_rate = restored.base_learning_rate;
  }
  if (restored.state) {
    go_on_from(*restored.state);
  } else {
    // A checkpoint of the Python program, which has no others.
    require_padding(name_of(Padding::kReference));
    require_cleaning(TextCleaning::reference());
  }
  return true;
}

void Trainer::State::require_padding(const std::string& stored) const {
  if (stored == name_of(options.padding)) return;
  throw CheckpointError(
      "the checkpoint was trained with --padding {}, now --padding {} was asked for; models of one mode are wrong in "
      "the other",
      stored, name_of(options.padding));
}

/// Texts of the training must stay as they were; of the validation they may change.
void Trainer::State::require_cleaning(const TextCleaning& stored) const {
  TextCleaning now = options.cleaning;
  now.only_in_training = stored.only_in_training;
  if (now != stored) require_same("--clean-text", stored.text(), options.cleaning.text());
}

void Trainer::State::go_on_from(const RunState& stored) {
  compare_settings(stored);
  resumed_own = true;
  if (stored.clock.steps_per_epoch > 0 && stored.global_batch_size > 0 && stored.num_rows == parts.train->size()) {
    set_clock(stored.clock.continued(step, plan.steps_per_epoch,
                                     {.before = stored.global_batch_size, .now = plan.batches.global_batch()}));
  }
  meter.restore(stored.epoch);
  training_step.scaler().load(stored.scaler);
  nonfinite_steps = stored.nonfinite_steps;
  nonfinite_in_a_row = stored.nonfinite_in_a_row;
  first_validation = stored.first_validation;
  best_metric = best_so_far(stored);
  on_main_rank(group(), "the lines of logs.csv", [&] { trim_log(log_path(), step); });
}

/// Of the checkpoint, or of the folder: a checkpoint is often saved before its own validation.
std::optional<double> Trainer::State::best_so_far(const RunState& stored) {
  if (options.keep_best.empty()) return std::nullopt;
  std::optional<double> best;
  if (stored.keep_best == options.keep_best) best = stored.best_metric;
  const std::string listed = text_of_main_rank(group(), "the best checkpoint", [&] {
    const std::optional<double> value = folder.best_metric();
    return value ? fmt::format("{:a}", *value) : std::string();
  });
  if (listed.empty()) return best;
  const double value = std::strtod(listed.c_str(), nullptr);
  return best && !RunFolder::is_better(options.keep_best, value, *best) ? best : value;
}

void Trainer::State::compare_settings(const RunState& stored) const {
  require_padding(stored.padding);
  if (const BlockLayout now = parts.train->formatter().layout(); stored.layout != now) {
    throw CheckpointError(
        "the checkpoint was trained to write {} code(s) of {} tokens a row, now {} code(s) of {} tokens were asked "
        "for; use "
        "the label columns and the block size of the checkpoint, or another folder for the run",
        stored.layout.num_blocks, stored.layout.block_size, now.num_blocks, now.block_size);
  }
  compare_cards(stored.card);
  if (!is_main()) return;
  const BatchPlan& batches = plan.batches;
  const bool same_batches = stored.global_batch_size == batches.global_batch();
  const auto differs = [](const char* flag, const auto& was, const auto& now) {
    if (was == now) return;
    log_note(
        "{} was {} when the checkpoint was written and is {} now; the run goes on with {} from the position its "
        "step implies, not as it would have without a stop",
        flag, was, now, now);
  };
  if (!same_batches) {
    log_note(
        "the global batch was {} rows when the checkpoint was written and is {} now; the run goes on where it was in "
        "its epoch, by rows, with steps of the new size",
        stored.global_batch_size, batches.global_batch());
  }
  differs("--seed", stored.seed, options.seed);
  differs("--max-len", stored.max_len, options.max_len);
  differs("--precision", stored.precision, std::string(name_of(options.precision)));
  differs("--loss-scope", stored.loss_scope, std::string(name_of(options.loss_scope)));
  differs("--seq2seq-weight", stored.seq2seq_weight.value_or(options.seq2seq_weight), options.seq2seq_weight);
  differs("--weight-decay", stored.weight_decay.value_or(options.weight_decay), options.weight_decay);
  differs("--clip-norm", stored.clip_norm.value_or(options.clip_norm), options.clip_norm);
  for (const auto& [flag, was] : stored.settings) {
    const auto now = parts.settings.find(flag);
    if (now == parts.settings.end() || now->second == was) continue;
    if (flag == kEncoderFlag) {
      log_note("{} was {} when the run began and is {} now, which has no effect: the weights are the checkpoint's",
               flag, was, now->second);
    } else {
      differs(flag.c_str(), was, now->second);
    }
  }
  differs("the number of training rows", stored.num_rows, parts.train->size());
  if (same_batches && (stored.world_size != batches.processes || stored.batch_size != batches.per_process)) {
    log_note(
        "the checkpoint was written by {} process(es) with {} rows x {} accumulation, now there are {} with {} x {}: "
        "the same global batches go on in the same order; dropout and rounding differ",
        stored.world_size, stored.batch_size, stored.grad_accum_steps, batches.processes, batches.per_process,
        batches.grad_accum_steps);
  }
  if (stored.data_fingerprint != parts.data_fingerprint && stored.num_rows == parts.train->size()) {
    log_note("the training data are not those the checkpoint was trained on");
  }
}

/// Settings that no tensor shows, and with which the same weights mean something else. Checkpoints of earlier versions
/// have no card.
void Trainer::State::compare_cards(const std::string& stored) const {
  if (stored.empty() || parts.card.empty()) return;
  const ModelCard was = ModelCard::parse(stored, "the checkpoint's card");
  const ModelCard now = ModelCard::parse(parts.card, "the card of this run");
  require_same("--formatter", name_of(was.formatter.kind), name_of(now.formatter.kind));
  const auto separator = [](const ModelCard& card) { return card.formatter.use_within_block_sep ? "true" : "false"; };
  require_same("--use-within-block-sep", separator(was), separator(now));
  require_cleaning(was.cleaning);
  if (const auto difference = find_difference(was.encoder, now.encoder)) {
    require_same("an encoder whose " + difference->key + " is", difference->left, difference->right);
  }
}

void Trainer::State::dry_run() {
  parts.model->train();
  train_loader.seek(0);
  if (filled_blocks) filled_blocks->seek(0);
  for (int64_t i = 0; i < std::min<int64_t>(2, plan.steps_per_epoch); ++i) {
    timed_step(i, [&] { return next_micro_batches(i); });
    log_line(0, i);
  }
  check_last_step();
  validation.run(2);
  require_finite_weights("dry run");
  const PickleValue written = content();
  on_main_rank(group(), "the dry run's checkpoint", [&] {
    const std::filesystem::path aside = options.save_path / fmt::format(".dry-run-{}", ::getpid());
    std::filesystem::create_directories(aside);
    const struct Remove {
      const std::filesystem::path& path;
      ~Remove() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
      }
    } remove{aside};
    const WrittenFile file = write_torch_file(aside / "dry-run.bin", written);
    require_equal(written, read_torch_file(aside / "dry-run.bin"), "checkpoint");
    log_info("Dry run passed: two steps, a validation, and a checkpoint of {} bytes written, read again and equal",
             format_count(static_cast<int64_t>(file.bytes)));
  });
}

}  // namespace canine
