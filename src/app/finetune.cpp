#include "canine/app/finetune.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "canine/app/finetune_table.hpp"
#include "canine/app/job.hpp"
#include "canine/app/model_setup.hpp"
#include "canine/app/processes.hpp"
#include "canine/app/sample.hpp"
#include "canine/app/version.hpp"
#include "canine/app/word_frequencies.hpp"
#include "canine/checkpoint/run_folder.hpp"
#include "canine/checkpoint/run_lock.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/core/log.hpp"
#include "canine/launch/parent_death.hpp"
#include "canine/launch/signal_thread.hpp"
#include "canine/launch/stop_request.hpp"
#include "canine/report/progress.hpp"
#include "canine/text/general_formatter.hpp"
#include "canine/train/trainer.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

constexpr const char* kResultFile = "result.json";

/// Arithmetic, threads and encoder, before anything is written.
RunContext set_up(const OptionSet& options, const FinetuneOptions& values, const LaunchContext& launch,
                  c10::Device device) {
  RunContext context;
  context.launch = launch;
  context.device = device;
  context.threads = set_up_threads(launch, values.machine.num_threads);
  context.precision =
      resolve_precision(values.train.precision, options.at("precision").origin(), values.use_amp, device);
  set_up_numerics(device, context.precision, values.machine.deterministic);
  if (!values.prepare_only) context.encoder = choose_encoder(values.model);
  print_start_lines(launch, device, context.precision, context.threads);
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
JobDigest digest_of(const OptionSet& options, const RunContext& context, const TrainParts& parts,
                    const fs::path& folder) {
  JobDigest digest;
  digest.add("build", build_text());
  for (const Option& option : options.options()) {
    if (option.is_command_line_only() || option.is_local()) continue;
    digest.add("--" + option.name(), to_text(option.value()));
  }
  digest.add("precision", name_of(context.precision));
  digest.add("device type", c10::DeviceTypeName(context.device.type()));
  digest.add("prepared data", parts.data_fingerprint);
  digest.add("parameters", parameter_text(parts.model));
  digest.add("checkpoints", RunFolder({.folder = folder}).fingerprint());
  return digest;
}

std::string stop_reason() {
  if (launcher_gone()) return fmt::format("because the launcher (process {}) died", watched_launcher());
  return StopRequest::signal() == 0 ? "on request of another process"
                                    : fmt::format("by signal {}", StopRequest::signal());
}

int train(Trainer& trainer, const fs::path& folder) {
  const StopRequest stop_requests;
  const TrainResult result = trainer.run();
  switch (result.end) {
    case TrainEnd::kStopped:
      log_info("Stopped {} after step {}, which is saved in {}. The same command goes on from there.", stop_reason(),
               format_count(result.step), (folder / "last.bin").string());
      return static_cast<int>(ExitCode::kStopped);
    case TrainEnd::kAlreadyComplete:
      log_info(
          "All {} steps were done already; nothing was changed. More epochs: --num-epochs. A new run: another "
          "--save-path.",
          format_count(trainer.plan().total_steps));
      break;
    case TrainEnd::kComplete:
      if (!log_is_quiet()) conclude(folder, result);
      break;
  }
  return static_cast<int>(ExitCode::kDone);
}

/// Prepares the data in the first process; the others open what it wrote. The lock stays with the first process.
PreparedData prepare_in_first(Job& job, const FinetuneOptions& values, std::optional<RunLock>& lock) {
  const fs::path& folder = values.train.save_path;
  PreparedData prepared;
  job.in_first_process("preparation of the data", [&] {
    make_writable_folder(folder);
    lock.emplace(folder);
    prepared = prepare(values.data, folder);
  });
  if (!job.is_main()) prepared = open_prepared(values.data, folder);
  return prepared;
}

int run_in_job(Job& job, const OptionSet& options, const FinetuneOptions& values, const RunContext& context) {
  const fs::path& folder = values.train.save_path;
  std::optional<RunLock> lock;
  const PreparedData prepared = prepare_in_first(job, values, lock);
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
  parts.group = job.join(digest_of(options, context, parts, folder));
  parts.stop_signal = [] { return launcher_gone() ? SIGTERM : StopRequest::signal(); };
  parts.save_requested = StopRequest::take_save_request;

  TrainOptions train_options = values.train;
  train_options.precision = context.precision;
  Trainer trainer(parts, train_options);
  if (resuming && !trainer.resume()) throw InternalError("{}: no checkpoint could be resumed", folder.string());
  const TrainPlan& plan = trainer.plan();
  log_info("\n{}\n", finetune_table(options, values, context, parts, plan));
  if (context.launch.distributed()) log_info("{}", plan.batches.text(plan.steps_per_epoch));
  if (values.dry_run) {
    trainer.dry_run();
    return static_cast<int>(ExitCode::kDone);
  }
  if (job.is_main() && (plan.first_step == 0 || plan.first_step < plan.total_steps)) {
    write_file(folder / "args.yaml", options.args_yaml());
    fs::remove(folder / kResultFile);
  }
  return train(trainer, folder);
}

}  // namespace

int run_finetune(const OptionSet& options, const FinetuneOptions& values, const LaunchContext& launch,
                 c10::Device device) {
  const SignalThread signals;  // before any thread that computes
  const RunContext context = set_up(options, values, launch, device);
  Job job(launch, values.launch, device);
  return job.run([&] { return run_in_job(job, options, values, context); });
}

int finetune_main(const std::vector<std::string>& arguments) {
  FinetuneOptions values;
  OptionSet options = finetune_option_set();
  declare_finetune_options(options, values);
  if (!options.parse(arguments)) return static_cast<int>(ExitCode::kDone);
  const LaunchContext launch = find_place(options, values.launch);
  const std::vector<c10::Device> devices = find_devices(options, values.machine);
  const bool starts_others = launch.launcher == Launcher::kSingle && devices.size() > 1 && !values.prepare_only;
  if (starts_others) set_log_role("", true);  // the first of the new processes tells the story
  if (arguments.empty()) use_sample(options);
  check_finetune_options(options, values);
  if (starts_others) {
    set_log_role("", false);
    return start_processes(options, values.machine, values.train, devices);
  }
  if (values.launch.distributed && launch.launcher == Launcher::kSingle) {
    log_note(
        "--distributed: no launcher has started several processes and there is one device, so this is one process");
  }
  return run_finetune(options, values, launch, device_of(launch, devices));
}

}  // namespace canine
