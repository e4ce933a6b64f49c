#pragma once

#include <map>
#include <string>

#include "canine/app/model_setup.hpp"
#include "canine/app/option_set.hpp"
#include "canine/app/processes.hpp"
#include "canine/app/training_settings.hpp"
#include "canine/train/trainer.hpp"

namespace canine {

/// What a run found out before it built the model.
struct RunContext {
  ProcessSetup process;
  EncoderChoice encoder;
};

/// The table before the first step: every setting with its value and what it means for this run, then the sizes of the
/// run (rows, steps, parameters, memory). `data_meanings` (by option name) are those of the program's own flags.
std::string training_table(const OptionSet& options, const TrainingSettings& settings, const RunContext& context,
                           const TrainParts& parts, const TrainPlan& plan,
                           const std::map<std::string, std::string>& data_meanings);

}  // namespace canine
