#include "canine/app/training_settings.hpp"

#include <filesystem>
#include <utility>

#include "canine/app/require_file.hpp"
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
  const std::string source = start_weights_source(settings.model.initial_checkpoint);
  if (source.empty() || std::filesystem::exists(source) || names_hub_model(source)) return;
  throw UsageError("--initial-checkpoint {}: there is no such file or folder", source);
}

void name_ignored(const OptionSet& options, const TrainingSettings& settings, bool validates) {
  const auto ignored = [&](const char* flag, bool without_effect, std::string_view reason) {
    note_if_ignored(options, flag, without_effect, reason);
  };
  const bool no_augmentation = settings.augmentation.options.augmentation_prob == 0;
  ignored("num-transformations", no_augmentation, "--augmentation-prob is 0");
  ignored("fn-word-freq", no_augmentation, "--augmentation-prob is 0");
  ignored("augmentation-prob", settings.augmentation.options.num_transformations == 0 && !no_augmentation,
          "--num-transformations is 0");
  ignored("only-encoder", settings.model.initial_checkpoint.empty() && settings.model.only_encoder,
          "there is no --initial-checkpoint");
  ignored("warmup-pct", settings.train.warmup_steps.has_value(), "--warmup-steps was given");
  ignored("save-interval", settings.train.save_each_epoch, "checkpoints are written at the ends of epochs");
  ignored("keep-best", !validates, "there is no validation");
  ignored("eval-interval", !validates, "there is no validation");
  ignored("prefetch-factor", settings.train.num_workers == 0, "there are no workers (--num-workers 0)");
  ignored("persistent-workers", settings.train.num_workers == 0, "there are no workers (--num-workers 0)");
  ignored("wandb-project-name", true, "--log-wandb is not there yet");
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
      .add(
          "dry-run", settings.dry_run,
          "try out the settings: two steps, a validation, a checkpoint written, read again and compared; keeps nothing")
      .addition();
  add_machine_options(options, settings.machine, settings.train, settings.loader);
  add_launch_options(options, settings.launch, settings.train);
}

void check_training_settings(const OptionSet& options, TrainingSettings& settings, bool validates) {
  if (settings.wandb.log_wandb) {
    throw UsageError("--log-wandb: logging to Weights & Biases is not there yet; logs.csv has the same figures");
  }
  choose_encoder_flag(options, settings.model);
  check_files(settings);
  name_ignored(options, settings, validates);
  if (settings.loader.prefetch_factor) settings.train.prefetch_factor = *settings.loader.prefetch_factor;
  settings.augmentation.options.validate();
  settings.train.validate();
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

void note_if_ignored(const OptionSet& options, const char* flag, bool without_effect, std::string_view reason) {
  if (without_effect && options.given(flag)) log_note("--{} has no effect: {}", flag, reason);
}

}  // namespace canine
