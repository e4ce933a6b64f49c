#pragma once

#include <cstdint>
#include <string>

#include "canine/app/option_set.hpp"
#include "canine/app/shared_options.hpp"

namespace canine {

/// What every program that trains is told, besides its data.
struct TrainingSettings {
  AugmentationSettings augmentation;
  ModelSettings model;
  TrainOptions train;
  LoaderSettings loader;
  MachineSettings machine;
  LaunchSettings launch;
  WandbSettings wandb;
  bool use_amp = false;
  bool dry_run = false;
};

/// Flag of the folder that a run writes into.
struct FolderFlag {
  std::string name;  ///< "save-path"
  std::string help;
};

/// Declares the flags behind `settings`, which come after those of the data.
void add_training_settings(OptionSet& options, TrainingSettings& settings, const FolderFlag& folder);

/// Checks what one flag's range cannot say: flags that exclude or need each other, files that must be there. Completes
/// `settings` from flags that only shape others. Throws UsageError.
void check_training_settings(const OptionSet& options, TrainingSettings& settings);

/// Names settings that will have no effect (`validates`: there are validation rows).
void name_ignored(const OptionSet& options, const TrainingSettings& settings, bool validates);

/// Throws UsageError unless the decoder has positions for that many codes of `block_size` tokens.
void check_label_positions(int64_t num_columns, int64_t block_size);

}  // namespace canine
