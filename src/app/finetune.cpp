#include "canine/app/finetune.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "canine/app/finetune_table.hpp"
#include "canine/app/model_setup.hpp"
#include "canine/app/sample.hpp"
#include "canine/app/word_frequencies.hpp"
#include "canine/checkpoint/run_lock.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/core/log.hpp"
#include "canine/launch/stop_request.hpp"
#include "canine/report/progress.hpp"
#include "canine/text/general_formatter.hpp"
#include "canine/train/trainer.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

constexpr const char* kResultFile = "result.json";

/// Device, threads, arithmetic and encoder, before anything is written.
RunContext set_up(const OptionSet& options, const FinetuneOptions& values) {
  RunContext context;
  context.device = resolve_device(values.machine.devices);
  context.threads = set_up_threads(values.machine.num_threads);
  context.precision =
      resolve_precision(values.train.precision, options.given("precision"), values.use_amp, context.device);
  set_up_numerics(context.device, context.precision, values.machine.deterministic);
  if (!values.prepare_only) context.encoder = choose_encoder(values.model);
  log_info("Process 0 using device: {} ({} thread{})", context.device.str(), context.threads,
           context.threads == 1 ? "" : "s");
  return context;
}

/// Training or validation rows as they were prepared.
std::shared_ptr<const Dataset> load_rows(const fs::path& file, const PrepareOptions& data,
                                         std::shared_ptr<const Formatter> formatter,
                                         std::shared_ptr<const LabelKey> key) {
  Dataset::Options options;
  options.files = {file};
  options.target_cols = data.target_cols;
  options.formatter = std::move(formatter);
  options.num_classes = key->size();
  options.key = std::move(key);
  options.num_threads = data.num_threads;
  return std::make_shared<const Dataset>(options);
}

std::shared_ptr<const Augmentation> make_augmentation(const AugmentationSettings& settings, const Dataset& train) {
  const std::shared_ptr<const WordSource> words =
      settings.word_frequencies.empty()
          ? train.word_source()
          : std::make_shared<const WordSource>(read_word_frequencies(settings.word_frequencies));
  return std::make_shared<const Augmentation>(settings.options, words);
}

/// Rows, codes and augmentation.
TrainParts load_data(const FinetuneOptions& values, const PreparedData& prepared) {
  const auto formatter = std::make_shared<const GeneralFormatter>(
      static_cast<int64_t>(values.data.target_cols.size()), values.data.block_size, values.data.use_within_block_sep);
  TrainParts parts;
  parts.key = std::make_shared<const LabelKey>(prepared.key);
  parts.train = load_rows(prepared.train, values.data, formatter, parts.key);
  parts.val = load_rows(prepared.val, values.data, formatter, parts.key);
  parts.augmentation = make_augmentation(values.augmentation, *parts.train);
  parts.data_fingerprint = prepared.fingerprint;
  return parts;
}

/// True if `folder` holds something to resume from, whole or not.
bool has_checkpoint(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".bin") continue;
    const std::string stem = entry.path().stem().string();
    if (stem == "last" || (!stem.empty() && stem.find_first_not_of("0123456789") == std::string::npos)) return true;
  }
  return false;
}

/// Names flags that the device or a checkpoint to resume from makes useless.
void name_ignored_here(const OptionSet& options, c10::Device device, bool resuming) {
  for (const char* flag : {"pin-memory", "deterministic"}) {
    if (options.given(flag) && device.is_cpu()) log_note("--{} has no effect: this run is on the CPU", flag);
  }
  for (const char* flag : {"initial-checkpoint", "only-encoder"}) {
    if (options.given(flag) && resuming) log_note("--{} has no effect: the run goes on from its own checkpoint", flag);
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

int train(Trainer& trainer, const fs::path& folder) {
  const StopRequest stop_requests;
  const TrainResult result = trainer.run();
  switch (result.end) {
    case TrainEnd::kStopped:
      log_info("Stopped by signal {} after step {}, which is saved in {}. The same command goes on from there.",
               StopRequest::signal(), format_count(result.step), (folder / "last.bin").string());
      return static_cast<int>(ExitCode::kStopped);
    case TrainEnd::kAlreadyComplete:
      log_info(
          "All {} steps were done already; nothing was changed. More epochs: --num-epochs. A new run: another "
          "--save-path.",
          format_count(trainer.plan().total_steps));
      break;
    case TrainEnd::kComplete:
      conclude(folder, result);
      break;
  }
  return static_cast<int>(ExitCode::kDone);
}

}  // namespace

int run_finetune(const OptionSet& options, const FinetuneOptions& values) {
  const fs::path& folder = values.train.save_path;
  const RunContext context = set_up(options, values);
  make_writable_folder(folder);
  const RunLock lock(folder);
  const PreparedData prepared = prepare(values.data, folder);
  if (values.prepare_only) return static_cast<int>(ExitCode::kDone);

  const bool resuming = !values.dry_run && has_checkpoint(folder);
  name_ignored_here(options, context.device, resuming);
  TrainParts parts = load_data(values, prepared);
  const MixerOptions shape = mixer_options(values.model, context.encoder.shape, parts.train->formatter(),
                                           parts.key->size(), values.train.padding);
  parts.model = resuming ? Mixer(shape, InitialValues::kNone)
                         : make_model(shape, values.model, context.encoder, values.train.seed);
  parts.model->to(context.device);
  parts.device = context.device;

  TrainOptions train_options = values.train;
  train_options.precision = context.precision;
  Trainer trainer(parts, train_options);
  if (resuming && !trainer.resume()) throw InternalError("{}: no checkpoint could be resumed", folder.string());
  const TrainPlan& plan = trainer.plan();
  log_info("\n{}\n", finetune_table(options, values, context, parts, plan));
  if (values.dry_run) {
    trainer.dry_run();
    return static_cast<int>(ExitCode::kDone);
  }
  if (plan.first_step == 0 || plan.first_step < plan.total_steps) {
    write_file(folder / "args.yaml", options.args_yaml());
    fs::remove(folder / kResultFile);
  }
  return train(trainer, folder);
}

int finetune_main(const std::vector<std::string>& arguments) {
  FinetuneOptions values;
  OptionSet options = finetune_option_set();
  declare_finetune_options(options, values);
  if (arguments.empty()) {
    use_sample(options);
  } else if (!options.parse(arguments)) {
    return static_cast<int>(ExitCode::kDone);
  }
  check_finetune_options(options, values);
  return run_finetune(options, values);
}

}  // namespace canine
