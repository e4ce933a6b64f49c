#include "canine/app/training_settings.hpp"

#include <utility>

#include "canine/app/hub_model.hpp"
#include "canine/app/require_file.hpp"
#include "canine/app/word_frequencies.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/log.hpp"
#include "canine/exchange/start_weights.hpp"

namespace canine {
namespace {

constexpr int64_t kDecoderPositions = 128;  // longest label sequence without its last element

/// --encoder and --encoder-config say the same thing in two ways: the command line wins over a file.
void choose_encoder_flag(const OptionSet& options, ModelSettings& model) {
  if (!options.given("encoder") || !options.given("encoder-config")) return;
  const Origin pretrained = options.at("encoder").origin();
  const Origin random = options.at("encoder-config").origin();
  if (pretrained > random) model.encoder_config.clear();
  if (pretrained != random) return;
  throw UsageError("--encoder (pretrained weights) and --encoder-config (random weights) exclude each other; give one");
}

void check_files(const TrainingSettings& settings) {
  for (const auto& [option, path] : {std::pair("encoder-config", settings.model.encoder_config),
                                     std::pair("fn-word-freq", settings.augmentation.word_frequencies)}) {
    if (!path.empty()) require_file(option, path);
  }
  const auto& words = settings.augmentation.word_frequencies;
  if (!words.empty()) read_word_frequencies(words);  // so that what is wrong with it comes first
  const std::string source = start_weights_source(settings.model.initial_checkpoint);
  if (!source.empty()) require_model("initial-checkpoint", source);
}

}  // namespace

void add_training_settings(OptionSet& options, TrainingSettings& settings, const FolderFlag& folder) {
  add_augmentation_options(options, settings.augmentation);
  add_model_options(options, settings.model, settings.train);
  add_training_options(options, settings.train, settings.use_amp);
  options.section("Output");
  options.add(folder.name, settings.train.save_path, folder.help).takes("FOLDER");
  add_interval_options(options, settings.train, settings.wandb);
  options
      .add("dry-run", settings.dry_run,
           "try out the settings: two steps, a validation, a checkpoint written, read again and compared; keeps no "
           "checkpoint, while data that was prepared and key.csv stay")
      .addition();
  add_machine_options(options, settings.machine, settings.train, settings.loader);
  add_launch_options(options, settings.launch, settings.train);
}

void check_training_settings(const OptionSet& options, TrainingSettings& settings) {
  if (settings.wandb.log_wandb) {
    throw UsageError("--log-wandb: logging to Weights & Biases is not there yet; logs.csv has the same figures");
  }
  choose_encoder_flag(options, settings.model);
  check_files(settings);
  if (!settings.model.clean_text.empty()) TextCleaning::from_flag(settings.model.clean_text);
  if (settings.loader.prefetch_factor) settings.train.prefetch_factor = *settings.loader.prefetch_factor;
  settings.augmentation.options.validate();
  settings.train.validate();
}

void name_ignored(const OptionSet& options, const TrainingSettings& settings, bool validates) {
  const bool no_augmentation = settings.augmentation.options.augmentation_prob == 0;
  const bool no_changes = settings.augmentation.options.num_transformations == 0 && !no_augmentation;
  options.note_if_ignored("num-transformations", no_augmentation, "--augmentation-prob is 0");
  options.note_if_ignored("fn-word-freq", no_augmentation, "--augmentation-prob is 0");
  for (const char* flag : {"augmentation-prob", "fn-word-freq"}) {
    options.note_if_ignored(flag, no_changes, "--num-transformations is 0");
  }
  options.note_if_ignored("only-encoder", settings.model.initial_checkpoint.empty() && settings.model.only_encoder,
                          "there is no --initial-checkpoint");
  options.note_if_ignored("warmup-pct", settings.train.warmup_steps.has_value(), "--warmup-steps was given");
  for (const char* flag : {"save-interval", "save-each-epoch", "keep-last", "keep-best"}) {
    options.note_if_ignored(flag, settings.dry_run, "--dry-run keeps no checkpoint");
  }
  options.note_if_ignored("save-interval", settings.train.save_each_epoch && !settings.dry_run,
                          "checkpoints are written at the ends of epochs");
  options.note_if_ignored("keep-best", !validates && !settings.dry_run, "there is no validation");
  for (const char* flag : {"eval-interval", "eval-at-start", "eval-batch-size"}) {
    options.note_if_ignored(flag, !validates, "there is no validation");
  }
  options.note_if_ignored("lr-ref-batch", settings.train.lr_scale == LrScale::kNone, "--lr-scale is none");
  options.note_if_ignored("prefetch-factor", settings.train.num_workers == 0, "there are no workers (--num-workers 0)");
  options.note_if_ignored("persistent-workers", settings.train.num_workers == 0,
                          "there are no workers (--num-workers 0)");
  options.note_if_ignored("wandb-project-name", true, "--log-wandb is not there yet");
}

void check_label_positions(int64_t num_columns, int64_t block_size) {
  if (block_size < kDecoderPositions && num_columns * block_size + 1 <= kDecoderPositions) return;
  throw UsageError(
      "--block-size {} with {} target column{} makes sequences of {} tokens; the decoder has {} positions, so number "
      "of "
      "columns times block size may be {} at most",
      block_size, num_columns, num_columns == 1 ? "" : "s", num_columns * block_size + 1, kDecoderPositions,
      kDecoderPositions - 1);
}

}  // namespace canine
