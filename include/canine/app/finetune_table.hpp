#pragma once

#include <c10/core/Device.h>

#include <string>

#include "canine/app/finetune.hpp"
#include "canine/app/model_setup.hpp"
#include "canine/launch/launch_context.hpp"
#include "canine/launch/thread_share.hpp"
#include "canine/train/trainer.hpp"

namespace canine {

/// What a run found out before it built the model.
struct RunContext {
  LaunchContext launch;
  c10::Device device = c10::Device(c10::DeviceType::CPU);
  ThreadShare threads;
  Precision precision = Precision::kFp32;
  EncoderChoice encoder;
};

/// The table before the first step: every setting with its value and what it means for this run, then the sizes of the
/// run (rows, steps, parameters, memory).
std::string finetune_table(const OptionSet& options, const FinetuneOptions& values, const RunContext& context,
                           const TrainParts& parts, const TrainPlan& plan);

}  // namespace canine
