#include "canine/app/training_run.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <csignal>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "canine/app/folder_place.hpp"
#include "canine/app/job.hpp"
#include "canine/app/model_setup.hpp"
#include "canine/app/processes.hpp"
#include "canine/app/text_setup.hpp"
#include "canine/app/training_table.hpp"
#include "canine/app/word_frequencies.hpp"
#include "canine/checkpoint/run_folder.hpp"
#include "canine/checkpoint/run_lock.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/core/log.hpp"
#include "canine/core/new_folder.hpp"
#include "canine/core/readable.hpp"
#include "canine/exchange/model_card.hpp"
#include "canine/launch/parent_death.hpp"
#include "canine/launch/signal_thread.hpp"
#include "canine/launch/stop_request.hpp"
#include "canine/train/trainer.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

constexpr const char* kResultFile = "result.json";

std::shared_ptr<const Augmentation> make_augmentation(const AugmentationSettings& settings, const Dataset& train) {
  const std::shared_ptr<const WordSource> words =
      settings.word_frequencies.empty()
          ? train.word_source()
          : std::make_shared<const WordSource>(read_word_frequencies(settings.word_frequencies));
  return std::make_shared<const Augmentation>(settings.options, words);
}

/// Whether the run goes on from a checkpoint of its own.
bool resumes(const TrainingSettings& settings) {
  return !settings.dry_run && RunFolder::has_checkpoint(settings.train.save_path);
}

/// Names ways to count the batches of several processes or of accumulation that leave this run as it is.
void name_ignored_batches(const OptionSet& options, const TrainOptions& train, const LaunchContext& launch) {
  const bool whole = train.global_batch_size || launch.launcher == Launcher::kSelf;  // so is the usual reference
  options.note_if_ignored(
      "lr-scale", train.lr_scale != LrScale::kNone && !train.lr_ref_batch && (whole || !launch.distributed()),
      "the rate is taken to be that of this run's batches; --lr-ref-batch says for how many rows it was chosen");
  options.note_if_ignored(
      "loss-scope", train.loss_scope == LossScope::kGlobal && !launch.distributed() && train.grad_accum_steps == 1,
      "this run is one process whose updates are one batch each");
}

/// Names flags that the device, a single process or a checkpoint to resume from makes useless.
void name_ignored_here(const OptionSet& options, const ProcessSetup& setup, bool resuming) {
  for (const char* flag :
       {"backend", "share-devices", "timeout-init", "timeout-step", "grad-compression", "check-sync"}) {
    options.note_if_ignored(flag, !setup.launch.distributed(), "this run is one process");
  }
  for (const char* flag : {"pin-memory", "deterministic"}) {
    options.note_if_ignored(flag, setup.device.is_cpu(), "this run is on the CPU");
  }
  for (const char* flag : {"initial-checkpoint", "only-encoder", "eval-at-start"}) {
    options.note_if_ignored(flag, resuming, "the run goes on from its own checkpoint");
  }
}

nlohmann::ordered_json to_json(const std::optional<ValidationMetrics>& metrics) {
  if (!metrics) return nullptr;
  return {{"val_loss", metrics->loss},
          {"seq_acc", metrics->seq_acc},
          {"token_acc", metrics->token_acc},
          {"flat_acc", metrics->flat_acc}};
}

std::string accuracies(const ValidationMetrics& metrics) {
  return fmt::format("loss {:.4f}, sequence accuracy {:.2f} %, token accuracy {:.2f} %, flat accuracy {:.2f} %",
                     metrics.loss, metrics.seq_acc, metrics.token_acc, 100 * metrics.flat_acc);
}

/// Last lines of a run that came to its end.
void conclude(const fs::path& folder, const TrainResult& result) {
  const nlohmann::ordered_json json = {
      {"step", result.step}, {"first_validation", to_json(result.first)}, {"last_validation", to_json(result.last)}};
  write_file(folder / kResultFile, json.dump(2) + "\n");
  log_info("Done after step {}.", format_count(result.step));
  if (result.nonfinite_steps > 0) {
    log_warning("{} left out of the training, because the loss or a gradient was not finite",
                counted(result.nonfinite_steps, "update"));
  }
  if (result.first && result.last) {
    log_info("First validation: {}", accuracies(*result.first));
    log_info("Last validation:  {}", accuracies(*result.last));
  }
  for (const auto& [name, content] :
       {std::pair("last.bin", "the model"), std::pair("logs.csv", "the validations"),
        std::pair("args.yaml", "the settings, for --config"), std::pair(kResultFile, "first and last validation")}) {
    if (fs::exists(folder / name)) log_info("Written: {} ({})", (folder / name).string(), content);
  }
}

/// "encoder.… 768x768 float, …" of all parameters.
std::string parameter_text(const Mixer& model) {
  std::string text;
  for (const auto& item : model->named_parameters()) {
    fmt::format_to(std::back_inserter(text), "{} [{}] {}{}\n", item.key(), fmt::join(item.value().sizes(), "x"),
                   c10::toString(item.value().scalar_type()), item.value().requires_grad() ? "" : " frozen");
  }
  return text;
}

/// What all processes must have alike before they train together.
JobDigest digest_of(const OptionSet& options, const ProcessSetup& setup, const TrainParts& parts,
                    const fs::path& folder) {
  JobDigest digest = common_digest(options, setup);
  digest.add("data", parts.data_fingerprint);
  digest.add("card", parts.card);
  digest.add("parameters", parameter_text(parts.model));
  digest.add("checkpoints", RunFolder({.folder = folder}).fingerprint());
  return digest;
}

/// Number of the signal that asks for the end, or 0.
int stop_signal() { return launcher_gone() ? SIGTERM : StopRequest::signal(); }

std::string stop_reason() {
  if (launcher_gone()) return fmt::format("because the launcher (process {}) died", watched_launcher());
  return StopRequest::signal() == 0 ? "on request of another process" : "by " + signal_text(StopRequest::signal());
}

/// The end before anything was trained by this start or an earlier one.
int stopped_before_training() {
  log_info("Stopped {} before the first step. The same command starts again.", stop_reason());
  return static_cast<int>(ExitCode::kStopped);
}

int train(Trainer& trainer, const fs::path& folder) {
  const TrainResult result = trainer.run();
  switch (result.end) {
    case TrainEnd::kStopped:
      if (result.step == 0) return stopped_before_training();
      log_info("Stopped {} after step {}, which is saved in {}. The same command goes on from there.", stop_reason(),
               format_count(result.step), (folder / "last.bin").string());
      return static_cast<int>(ExitCode::kStopped);
    case TrainEnd::kAlreadyComplete:
      log_info(
          "All {} steps were done already; nothing was changed. More epochs: --num-epochs. A new run: another "
          "folder.",
          format_count(trainer.plan().total_steps));
      break;
    case TrainEnd::kComplete:
      if (!log_is_quiet()) conclude(folder, result);
      break;
  }
  return static_cast<int>(ExitCode::kDone);
}

/// Flags that shape the training and that no tensor and no card shows, for RunState::settings.
std::map<std::string, std::string> shaping_settings(const OptionSet& options, const TrainingSettings& settings) {
  std::vector<std::string> names = {"dropout",      "augmentation-prob", "num-transformations", "unk-lang-prob",
                                    "fn-word-freq", "grad-compression",  "warmup-steps",        "warmup-pct"};
  if (settings.model.encoder_config.empty() && settings.model.initial_checkpoint.empty()) names.emplace_back("encoder");
  std::map<std::string, std::string> shaping;
  for (const std::string& name : names) {
    const Option& option = options.at(name);
    shaping.emplace(option.spelling(), option.value() == OptionValue() ? "not given" : to_text(option.value()));
  }
  return shaping;
}

/// What one must know of the model besides its weights (RunState::card).
std::string card_of(const MixerOptions& shape, const Dataset& rows, const TrainOptions& train) {
  const CodeSystem& codes = rows.system();
  ModelCard card;
  card.encoder = shape.encoder;
  card.formatter = codes.options().formatter;
  card.target_cols = codes.target_cols();
  card.max_len = train.max_len;
  card.padding = train.padding;
  card.cleaning = train.cleaning;
  card.set_languages(rows.languages());
  return card.to_json();
}

/// The work of one process of a run.
class Work {
 public:
  Work(Job& job, const OptionSet& options, TrainingSettings settings, const RunContext& context,
       std::optional<StartWeights> start, TrainingDataSource& source)
      : job_(job),
        options_(options),
        settings_(std::move(settings)),
        context_(context),
        start_(std::move(start)),
        source_(source) {}

  int run(bool only_prepare);

 private:
  /// Whether training shall follow: false if the first process has been asked to end meanwhile.
  bool prepare();
  /// Chooses how texts are cleaned, by what the run goes on from or starts with, and reads the rows.
  TrainingData load(const fs::path& own);
  TrainParts make_parts(const TrainingData& data, bool resuming);
  const StartWeights* start() const { return start_ ? &*start_ : nullptr; }

  Job& job_;
  const OptionSet& options_;
  TrainingSettings settings_;
  const RunContext& context_;
  std::optional<StartWeights> start_;  // until the model has them
  TrainingDataSource& source_;
  std::optional<NewFolder> folder_;  // of the first process
  std::optional<RunLock> lock_;      // in it, and gone before it
};

bool Work::prepare() {
  constexpr const char* kGoOn = "go on";
  const std::string outcome = job_.text_of_first_process("preparation of the data", [&] {
    folder_.emplace(settings_.train.save_path);
    lock_.emplace(settings_.train.save_path);
    KeyCheck check;
    if (start_) check = [&](const LabelKey& key) { start_->require_classes(key.size(), &key); };
    source_.prepare(check);
    return std::string(stop_signal() == 0 ? kGoOn : "stop");
  });
  return outcome == kGoOn;
}

TrainingData Work::load(const fs::path& own) {
  TextCleaning& cleaning = settings_.train.cleaning;
  cleaning = choose_cleaning(settings_.model.clean_text, own, start());
  TrainingData data = source_.load();
  if (!cleaning.only_in_training) mend_languages(data, start());  // otherwise all is to be as in the Python program
  if (job_.is_main()) {
    warn_of_cut_texts(data, cleaning, settings_.train.max_len, context_.encoder.shape.num_hash_buckets,
                      settings_.machine.num_threads);
  }
  return data;
}

TrainParts Work::make_parts(const TrainingData& data, bool resuming) {
  TrainParts parts;
  parts.train = data.train;
  parts.val = data.val;
  const CodeSystem& system = data.train->system();
  parts.key = system.key();
  parts.data_fingerprint = data.fingerprint;
  parts.augmentation = make_augmentation(settings_.augmentation, *parts.train);
  const MixerOptions shape = mixer_options(settings_.model, context_.encoder.shape, *system.formatter(),
                                           system.num_classes(), settings_.train.padding);
  parts.card = card_of(shape, *parts.train, settings_.train);
  parts.settings = shaping_settings(options_, settings_);
  parts.model = resuming ? Mixer(shape, InitialValues::kNone)
                         : make_model(shape, context_.encoder, start(), parts.key.get(), settings_.train.seed);
  start_.reset();
  parts.model->to(context_.process.device);
  parts.device = context_.process.device;
  parts.group = job_.join(digest_of(options_, context_.process, parts, settings_.train.save_path));
  parts.stop_signal = stop_signal;
  parts.save_requested = StopRequest::take_save_request;
  return parts;
}

int Work::run(bool only_prepare) {
  const fs::path& folder = settings_.train.save_path;
  const bool go_on = prepare();
  if (only_prepare) return static_cast<int>(ExitCode::kDone);
  if (!go_on) return stopped_before_training();

  const bool resuming = resumes(settings_);
  name_ignored_here(options_, context_.process, resuming);
  name_ignored_batches(options_, settings_.train, context_.process.launch);
  const TrainingData data = load(resuming ? folder : fs::path());
  const TrainParts parts = make_parts(data, resuming);
  TrainOptions train_options = settings_.train;
  train_options.precision = context_.process.precision;
  Trainer trainer(parts, train_options);
  if (resuming && !trainer.resume()) throw InternalError("{}: no checkpoint could be resumed", folder.string());
  const TrainPlan& plan = trainer.plan();
  log_info("\n{}\n", training_table(options_, settings_, context_, parts, plan, source_.meanings(data)));
  if (!plan.batches.is_plain()) log_info("{}", plan.batches.text(plan.steps_per_epoch, plan.learning_rate));
  if (settings_.dry_run) {
    trainer.dry_run();
    return static_cast<int>(ExitCode::kDone);
  }
  if (job_.is_main() && (plan.first_step == 0 || plan.first_step < plan.total_steps)) {
    std::map<std::string, OptionValue> used;
    if (context_.process.precision_by_launcher) used["precision"] = name_of(context_.process.precision);
    const TextCleaning& cleaning = settings_.train.cleaning;
    if (settings_.model.clean_text.empty() && cleaning != TextCleaning()) used["clean_text"] = cleaning.words();
    write_file(folder / "args.yaml", options_.args_yaml(used));
    fs::remove(folder / kResultFile);
  }
  return train(trainer, folder);
}

}  // namespace

TrainingData TrainingData::read(const CodeSystem::Options& codes, Dataset::Options rows,
                                const std::vector<fs::path>& train_files, const std::vector<fs::path>& val_files) {
  rows.system = std::make_shared<const CodeSystem>(codes);
  TrainingData data;
  rows.files = train_files;
  data.train = std::make_shared<Dataset>(rows);
  rows.files = val_files;
  data.val = std::make_shared<Dataset>(rows);
  return data;
}

std::string TrainingData::codes_text() const {
  return fmt::format("{} a row at most, {} in all", counted(train->formatter().layout().num_blocks, "code"),
                     counted(train->num_classes(), "class", "es"));
}

std::string TrainingData::positions_text() const {
  return fmt::format("label sequences of {} positions", train->formatter().layout().sequence_length());
}

TrainingRun::TrainingRun(const OptionSet& options, const TrainingSettings& settings, bool only_prepare)
    : options_(options),
      settings_(settings),
      only_prepare_(only_prepare),
      start_(find_start(options, settings.launch, settings.machine, only_prepare)) {}

int TrainingRun::run(TrainingDataSource& source) {
  if (start_.starts_others) {
    set_log_role("", false);
    start_.devices = devices_for_batch(options_, settings_.machine, settings_.train, start_.devices);
    if (start_.devices.size() > 1) return start_processes(start_.devices, "training");
  }
  if (settings_.launch.distributed && start_.launch.launcher == Launcher::kSingle) {
    log_note(
        "--distributed: no launcher has started several processes and there is one device, so this is one process");
  }
  const SignalThread signals;  // before any thread that computes
  // What keeps nothing, or can be done again, ends at once.
  std::optional<StopRequest> stop_requests;
  if (!only_prepare_ && !settings_.dry_run) stop_requests.emplace();
  Job job(start_.launch, settings_.launch);
  RunContext context;
  context.process = set_up_process(options_, job.launch(), start_.device_of(job.launch()), settings_.machine,
                                   settings_.train.precision, settings_.use_amp);
  print_start_lines(context.process);
  job.meet(context.process.device);
  return job.run([&] {
    std::optional<StartWeights> start;
    if (job.is_main()) {
      require_folder_place(settings_.train.save_path);
      source.look_through();
    }
    if (!only_prepare_) {                                    // before anything is written
      settings_.train.plan_batches(context.process.launch);  // which may refuse them
      const bool resuming = resumes(settings_);
      context.encoder = choose_encoder(settings_.model, settings_.train.max_len, resuming, job);
      if (!resuming) start = find_start_weights(settings_.model, source.formatter(), job);
    }
    return Work(job, options_, settings_, context, std::move(start), source).run(only_prepare_);
  });
}

}  // namespace canine
