#pragma once

#include <string>
#include <vector>

#include "canine/app/option_set.hpp"
#include "canine/app/training_settings.hpp"

namespace canine {

/// Everything that a fine-tuning run is told.
struct FinetuneOptions : TrainingSettings {
  PrepareOptions data;
  bool prepare_only = false;
};

/// Name, purpose and usage of finetune, still without its flags.
OptionSet finetune_option_set();

/// Declares the flags of finetune, bound to `values`, which must outlive `options`.
void declare_finetune_options(OptionSet& options, FinetuneOptions& values);

/// Sets the options of the sample run: configs/sample.yaml, into canine-sample/ in the current folder.
void use_sample(OptionSet& options);

/// Checks what one flag's range cannot say, as check_training_settings does. Throws UsageError.
void check_finetune_options(const OptionSet& options, FinetuneOptions& values);

/// The program finetune: reads the arguments (without the program's name) and runs. Without any it trains a tiny
/// encoder on the bundled sample.
int finetune_main(const std::vector<std::string>& arguments);

}  // namespace canine
