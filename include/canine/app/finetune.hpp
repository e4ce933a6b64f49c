#pragma once

#include <string>
#include <vector>

#include "canine/app/option_set.hpp"
#include "canine/app/shared_options.hpp"

namespace canine {

/// Everything that a fine-tuning run is told.
struct FinetuneOptions {
  PrepareOptions data;
  AugmentationSettings augmentation;
  ModelSettings model;
  TrainOptions train;
  LoaderSettings loader;
  MachineSettings machine;
  LaunchSettings launch;
  WandbSettings wandb;
  bool use_amp = false;
  bool prepare_only = false;
  bool dry_run = false;
};

/// Name, purpose and usage of finetune, still without its flags.
OptionSet finetune_option_set();

/// Declares the flags of finetune, bound to `values`, which must outlive `options`.
void declare_finetune_options(OptionSet& options, FinetuneOptions& values);

/// Sets the options of the sample run: configs/sample.yaml, into canine-sample/ in the current folder.
void use_sample(OptionSet& options);

/// Checks what one flag's range cannot say: flags that exclude or need each other, files that must be there. Names
/// settings that will have no effect, and completes `values` from flags that only shape others. Throws UsageError.
void check_finetune_options(const OptionSet& options, FinetuneOptions& values);

/// What one process of a run does: prepares the data, builds the model, trains, and returns the exit status. `options`
/// is what `values` came from.
int run_finetune(const OptionSet& options, const FinetuneOptions& values, const LaunchContext& launch,
                 c10::Device device);

/// The program finetune: reads the arguments (without the program's name) and runs. Without any it trains a tiny
/// encoder on the bundled sample.
int finetune_main(const std::vector<std::string>& arguments);

}  // namespace canine
