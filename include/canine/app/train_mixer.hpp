#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "canine/app/option_set.hpp"
#include "canine/app/training_settings.hpp"
#include "canine/data/code_system.hpp"

namespace canine {

/// Files that are trained on as they are, and how their codes are to be read.
struct MixerData {
  std::vector<std::string> train_data;  ///< names or glob patterns, concatenated in this order
  std::vector<std::string> val_data;
  FormatterKind target_col_naming = FormatterKind::kHisco;  ///< whose usual columns are read; kHisco or kOcc1950
  FormatterKind formatter = FormatterKind::kHisco;
  std::vector<std::string> target_cols;  ///< kGeneral only, as are the next two
  int64_t block_size = 5;
  bool use_within_block_sep = false;

  // By check_train_mixer_options
  std::vector<std::filesystem::path> train_files;
  std::vector<std::filesystem::path> val_files;
  CodeSystem::Options codes;  ///< of kGeneral still without key
};

/// Everything that a run of train_mixer is told.
struct TrainMixerOptions : TrainingSettings {
  /// The Python program's defaults, where they are not those of finetune.
  TrainMixerOptions();

  MixerData data;
};

/// Name, purpose and usage of train_mixer, still without its flags.
OptionSet train_mixer_option_set();

/// Declares the flags of train_mixer, bound to `values`, which must outlive `options`.
void declare_train_mixer_options(OptionSet& options, TrainMixerOptions& values);

/// Checks what one flag's range cannot say, as check_training_settings does, and completes `values.data`. Throws
/// UsageError.
void check_train_mixer_options(const OptionSet& options, TrainMixerOptions& values);

/// The program train_mixer: reads the arguments (without the program's name) and runs.
int train_mixer_main(const std::vector<std::string>& arguments);

}  // namespace canine
