#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "canine/app/device.hpp"
#include "canine/app/job.hpp"
#include "canine/app/model_setup.hpp"
#include "canine/app/option_set.hpp"
#include "canine/data/prepare.hpp"
#include "canine/text/augmentation.hpp"
#include "canine/text/make_formatter.hpp"
#include "canine/train/options.hpp"

namespace canine {

/// Loader flags as the Python program has them.
struct LoaderSettings {
  std::optional<int> prefetch_factor;  ///< batches made ahead per worker; none = TrainOptions' own number
  bool pin_memory = false;             ///< always on with a GPU, as in the Python program
  bool persistent_workers = false;     ///< always so
};

struct WandbSettings {
  bool log_wandb = false;
  std::string project_name = "histco-v2-mixer";
};

/// Random changes to training texts.
struct AugmentationSettings {
  Augmentation::Options options;
  std::filesystem::path word_frequencies;  ///< CSV with columns word, freq; empty = the words of the training texts
};

// Declarations of flags that several programs share, most of them one section of --help. Defaults are what the structs
// hold; the order is that of --help.

/// The variables behind the flags that say how codes of any system are written.
struct CodeTargets {
  std::vector<std::string>& target_cols;
  int64_t& block_size;
  bool& use_within_block_sep;
};

/// The words of flags that name a formatter: all of them, or those that name label columns too.
std::vector<std::pair<std::string, FormatterKind>> formatter_words();
std::vector<std::pair<std::string, FormatterKind>> column_naming_words();

/// `where` stands before the help texts ("with --formatter gpf: ").
void add_code_options(OptionSet& options, const CodeTargets& codes, const std::string& where = "");
/// Input file, columns, splitting and checks of finetune's preparation; without a heading.
void add_preparation_options(OptionSet& options, PrepareOptions& data);
void add_augmentation_options(OptionSet& options, AugmentationSettings& augmentation);
/// Encoder, start weights and shape; `train` holds what training shares with the shape (input length, padding,
/// freezing).
void add_model_options(OptionSet& options, ModelSettings& model, TrainOptions& train);
/// Epochs, rates, loss, arithmetic.
void add_training_options(OptionSet& options, TrainOptions& train, bool& use_amp);
/// When to log, validate and save, and what to keep; without a heading.
void add_interval_options(OptionSet& options, TrainOptions& train, WandbSettings& wandb);
void add_machine_options(OptionSet& options, MachineSettings& machine, TrainOptions& train, LoaderSettings& loader);
// The parts of them that programs without training have too, without a heading.
void add_precision_option(OptionSet& options, Precision& precision);
void add_device_options(OptionSet& options, MachineSettings& machine);
void add_process_options(OptionSet& options, LaunchSettings& launch);
/// The one of them that programs of a single process need, too.
void add_launcher_option(OptionSet& options, std::string& launcher);

/// Launch, process group, and what several processes mean for batches and rates.
void add_launch_options(OptionSet& options, LaunchSettings& launch, TrainOptions& train);

}  // namespace canine
