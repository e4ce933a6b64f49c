#include <fmt/format.h>

#include <filesystem>
#include <string_view>

#include "canine/app/finetune.hpp"
#include "canine/app/require_file.hpp"
#include "canine/app/sample.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/log.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kDecoderPositions = 128;  // longest label sequence without its last element

bool has_prepared_files(const fs::path& folder) {
  return fs::exists(folder / "data_train.csv") && fs::exists(folder / "data_val.csv") && fs::exists(folder / "key.csv");
}

void check_data(const FinetuneOptions& values) {
  const bool reuse = has_prepared_files(values.train.save_path) && !values.data.overwrite_prepared;
  if (values.data.dataset.empty() && !reuse) {
    throw UsageError(
        "--dataset is missing: give the CSV or Parquet file with your descriptions and codes (finetune without any "
        "flag trains on the bundled sample)");
  }
  if (!reuse) require_file("dataset", values.data.dataset);
  if (values.data.target_cols.empty()) {
    throw UsageError("--target-cols is missing: give the names of one or more columns of codes, in order");
  }
  values.data.validate();
  const auto columns = static_cast<int64_t>(values.data.target_cols.size());
  if (values.data.block_size >= kDecoderPositions || columns * values.data.block_size + 1 > kDecoderPositions) {
    throw UsageError(
        "--block-size {} with {} target column{} makes sequences of {} tokens; the decoder has {} positions, so number "
        "of columns times block size may be {} at most",
        values.data.block_size, columns, columns == 1 ? "" : "s", columns * values.data.block_size + 1,
        kDecoderPositions, kDecoderPositions - 1);
  }
  if (values.data.share_val == 1 && !values.prepare_only) {
    throw UsageError("--share-val 1 leaves no rows for training; it needs --prepare-only, or give a smaller share");
  }
}

/// --encoder and --encoder-config say the same thing in two ways: the command line wins over a file.
void choose_encoder_flag(const OptionSet& options, ModelSettings& model) {
  if (!options.given("encoder") || !options.given("encoder-config")) return;
  const Origin pretrained = options.at("encoder").origin();
  const Origin random = options.at("encoder-config").origin();
  if (pretrained > random) model.encoder_config.clear();
  if (pretrained != random) return;
  throw UsageError("--encoder (pretrained weights) and --encoder-config (random weights) exclude each other; give one");
}

void check_model(const FinetuneOptions& values) {
  for (const auto& [option, path] : {std::pair("encoder-config", values.model.encoder_config),
                                     std::pair("fn-word-freq", values.augmentation.word_frequencies)}) {
    if (!path.empty()) require_file(option, path);
  }
  std::string word = values.model.initial_checkpoint;
  for (char& c : word) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (word == "occ-canine-v1") {
    throw UsageError(
        "--initial-checkpoint occ-canine-v1: models are not downloaded yet; give the path of a checkpoint file (.bin)");
  }
  if (!word.empty()) require_file("initial-checkpoint", values.model.initial_checkpoint);
}

/// Names flags that were given and will do nothing.
void name_ignored(const OptionSet& options, const FinetuneOptions& values) {
  const auto ignored = [&](const char* flag, bool without_effect, std::string_view reason) {
    if (without_effect && options.given(flag)) log_note("--{} has no effect: {}", flag, reason);
  };
  const bool no_augmentation = values.augmentation.options.augmentation_prob == 0;
  ignored("num-transformations", no_augmentation, "--augmentation-prob is 0");
  ignored("fn-word-freq", no_augmentation, "--augmentation-prob is 0");
  ignored("augmentation-prob", values.augmentation.options.num_transformations == 0 && !no_augmentation,
          "--num-transformations is 0");
  ignored("only-encoder", values.model.initial_checkpoint.empty() && values.model.only_encoder,
          "there is no --initial-checkpoint");
  ignored("warmup-pct", values.train.warmup_steps.has_value(), "--warmup-steps was given");
  ignored("save-interval", values.train.save_each_epoch, "checkpoints are written at the ends of epochs");
  ignored("keep-best", values.data.share_val == 0, "there is no validation (--share-val 0)");
  ignored("eval-interval", values.data.share_val == 0, "there is no validation (--share-val 0)");
  ignored("prefetch-factor", values.train.num_workers == 0, "there are no workers (--num-workers 0)");
  ignored("persistent-workers", values.train.num_workers == 0, "there are no workers (--num-workers 0)");
  ignored("wandb-project-name", true, "--log-wandb is not there yet");
}

}  // namespace

OptionSet finetune_option_set() {
  return OptionSet("finetune", "trains a CANINE mixer to write codes for descriptions",
                   {{"finetune", "a first run on the bundled sample, into ./canine-sample/"},
                    {"finetune --dataset FILE --target-cols COLUMN... [options]", "a run on your own data"}});
}

void declare_finetune_options(OptionSet& options, FinetuneOptions& values) {
  add_preparation_options(options, values.data);
  options.add("prepare-only", values.prepare_only, "stop when the data is prepared");
  add_augmentation_options(options, values.augmentation);
  add_model_options(options, values.model, values.train);
  add_training_options(options, values.train, values.use_amp);
  add_interval_options(options, values.train, values.wandb);
  options
      .add(
          "dry-run", values.dry_run,
          "try out the settings: two steps, a validation, a checkpoint written, read again and compared; keeps nothing")
      .addition();
  add_machine_options(options, values.machine, values.train, values.loader);
  add_launch_options(options, values.launch, values.train);
  options.pass_over_config_keys({"save_dir", "train_data", "val_data", "target_col_naming", "formatter"});
}

void use_sample(OptionSet& options) {
  const fs::path config = find_sample_config(running_program());
  options.read_config(config, config.parent_path().parent_path());
  const fs::path folder = sample_folder(".");
  options.set("save-path", folder.string(), "sample run");
  log_info(
      "No flags were given, so this is the sample run: a tiny encoder with random weights learns the codes of the "
      "bundled descriptions.");
  log_info("It writes into {}. 'finetune --help' shows the flags for data of your own.\n", folder.string());
}

void check_finetune_options(const OptionSet& options, FinetuneOptions& values) {
  if (values.wandb.log_wandb) {
    throw UsageError("--log-wandb: logging to Weights & Biases is not there yet; logs.csv has the same figures");
  }
  check_data(values);
  choose_encoder_flag(options, values.model);
  check_model(values);
  if (values.prepare_only && values.dry_run) {
    throw UsageError("--prepare-only and --dry-run exclude each other; give one of them");
  }
  name_ignored(options, values);
  if (values.loader.prefetch_factor) values.train.prefetch_factor = *values.loader.prefetch_factor;
  values.data.num_threads = values.machine.num_threads;
  values.augmentation.options.validate();
  values.train.validate();
}

}  // namespace canine
