#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "canine/app/finetune.hpp"
#include "canine/app/require_file.hpp"
#include "canine/app/run_folder_check.hpp"
#include "canine/app/sample.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/log.hpp"
#include "canine/data/preparation_check.hpp"
#include "canine/exchange/model_content.hpp"
#include "canine/exchange/start_weights.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDataSection = "Data";

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
  check_label_positions(static_cast<int64_t>(values.data.target_cols.size()), values.data.block_size);
  check_preparation(values.data, values.train.save_path);
  if (values.data.share_val == 1 && !values.prepare_only) {
    throw UsageError("--share-val 1 leaves no rows for training; it needs --prepare-only, or give a smaller share");
  }
}

/// Names in one line what a preparation does not use: all but the flags of the data, where it goes, the threads, and
/// how processes meet.
void name_ignored_in_preparation(const OptionSet& options) {
  constexpr std::array kUsed = {"save-path",    "num-threads",  "devices",      "distributed",
                                "local-rank",   "world-size",   "backend",      "init-method",
                                "timeout-init", "timeout-step", "share-devices"};
  std::vector<std::string> ignored;
  for (const Option& option : options.options()) {
    if (option.is_command_line_only() || option.section() == kDataSection) continue;
    if (std::ranges::find(kUsed, option.name()) != kUsed.end()) continue;
    const bool by_launcher = option.origin() == Origin::kEnvironment;
    if (options.given(option.name()) && !by_launcher) ignored.push_back(option.spelling());
  }
  if (ignored.empty()) return;
  log_note("{} {} no effect: --prepare-only ends before the training", fmt::join(ignored, ", "),
           ignored.size() == 1 ? "has" : "have");
}

}  // namespace

OptionSet finetune_option_set() {
  return OptionSet("finetune", "trains a CANINE mixer to write codes for descriptions",
                   {{"finetune", "a first run on the bundled sample, into ./canine-sample/"},
                    {"finetune --dataset FILE --target-cols COLUMN... [options]", "a run on your own data"}},
                   OptionSet::ConfigFiles::kArgsYaml);
}

void declare_finetune_options(OptionSet& options, FinetuneOptions& values) {
  options.section(kDataSection);
  add_preparation_options(options, values.data);
  options.add("prepare-only", values.prepare_only, "stop when the data is prepared");
  add_training_settings(options, values,
                        {"save-path", "folder for prepared data, checkpoints and logs; a run goes on where it was"});
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
  check_data(values);
  if (values.prepare_only && values.dry_run) {
    throw UsageError("--prepare-only and --dry-run exclude each other; give one of them");
  }
  check_training_settings(options, values);
  if (values.prepare_only) {
    name_ignored_in_preparation(options);
  } else {
    name_ignored(options, values, values.data.share_val > 0);
  }
  values.data.num_threads = values.machine.num_threads;
  const NamedFile inputs[] = {{"dataset", values.data.dataset},
                              {"encoder-config", values.model.encoder_config},
                              {"fn-word-freq", values.augmentation.word_frequencies}};
  check_run_folder(values.train.save_path, kFinetune, inputs);
}

}  // namespace canine
