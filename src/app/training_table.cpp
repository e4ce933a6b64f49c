#include "canine/app/training_table.hpp"

#include <fmt/format.h>

#include "canine/app/settings_table.hpp"
#include "canine/core/readable.hpp"

namespace canine {
namespace {

constexpr double kBytesPerNumber = 4;  // weights, gradients and moments are float32

struct ModelSize {
  int64_t parameters = 0;
  int64_t trained = 0;
};

ModelSize size_of(const Mixer& model) {
  ModelSize size;
  for (const at::Tensor& parameter : model->parameters()) {
    size.parameters += parameter.numel();
    if (parameter.requires_grad()) size.trained += parameter.numel();
  }
  return size;
}

int64_t decoder_width(const MixerOptions& shape) {
  return shape.decoder_dim_feedforward == 0 ? shape.encoder.hidden_size : shape.decoder_dim_feedforward;
}

std::string encoder_meaning(const EncoderChoice& encoder) {
  return fmt::format("{}: width {}, {}", encoder.description, encoder.shape.hidden_size,
                     counted(encoder.shape.num_hidden_layers, "deep layer"));
}

/// Rows that all processes together see in an epoch.
int64_t rows_of_epoch(const TrainParts& parts, const TrainOptions& train, int processes) {
  const DistributedSampler sampler({.num_rows = parts.train->size(), .world = processes, .remainder = train.remainder});
  return sampler.rows_per_rank() * processes;
}

std::map<std::string, std::string> meanings(const TrainingSettings& values, const RunContext& context,
                                            const TrainParts& parts, const TrainPlan& plan) {
  const BatchPlan& batches = plan.batches;
  const ThreadShare& threads = context.process.threads;
  const int64_t rows_of_last =
      rows_of_epoch(parts, values.train, batches.processes) - (plan.steps_per_epoch - 1) * batches.global_batch();
  std::map<std::string, std::string> meanings = {
      {"num-epochs", counted(plan.total_steps, "step")},
      {"batch-size",
       fmt::format("{} rows at a time in each process, {} an epoch, the last of {}", format_count(batches.per_process),
                   counted(plan.steps_per_epoch, "step"), counted(rows_of_last, "row"))},
      {values.train.warmup_steps ? "warmup-steps" : "warmup-pct",
       fmt::format("{} of rising rate", counted(plan.warmup_steps, "step"))},
      {values.model.encoder_config.empty() ? "encoder" : "encoder-config", encoder_meaning(context.encoder)},
      {"eval-interval", counted(plan.total_steps / values.train.eval_interval, "validation") + ", and one at the end"},
      {"clean-text", values.train.cleaning.text()},
      {"precision", name_of(context.process.precision)},
      {"devices", context.process.device.str()},
      {"num-threads", fmt::format("{}: {}", counted(threads.threads, "thread"), threads.reason)},
      {"decoder-dim-feedforward", fmt::format("width {}", decoder_width(parts.model->options()))},
  };
  if (plan.learning_rate != values.train.learning_rate) {
    meanings["learning-rate"] = fmt::format("{} is used", plan.learning_rate);
  }
  if (values.train.num_workers > 0) {
    meanings["prefetch-factor"] =
        counted(values.train.prefetch_factor * values.train.num_workers, "batch", "es") + " ahead";
  }
  if (!values.train.save_each_epoch) {
    meanings["save-interval"] =
        counted(plan.total_steps / values.train.save_interval, "checkpoint") + ", and one at the end";
  }
  if (!values.model.encoder_config.empty()) meanings["encoder"] = "not used";
  if (plan.first_step > 0 && !values.model.initial_checkpoint.empty()) {
    meanings["initial-checkpoint"] = "not used: the run goes on from its own checkpoint";
  }
  return meanings;
}

}  // namespace

std::string training_table(const OptionSet& options, const TrainingSettings& settings, const RunContext& context,
                           const TrainParts& parts, const TrainPlan& plan,
                           const std::map<std::string, std::string>& data_meanings) {
  const ModelSize size = size_of(parts.model);
  const double weights = kBytesPerNumber * static_cast<double>(size.parameters);
  const double gradients = kBytesPerNumber * static_cast<double>(size.trained);
  const double moments = 2 * gradients;
  const std::vector<std::pair<std::string, std::string>> sizes = {
      {"rows", fmt::format("{} for training, {} for validation", format_count(parts.train->size()),
                           format_count(parts.val->size()))},
      {"steps",
       fmt::format("{} in all, {} an epoch, {} of warm-up, {} done already", format_count(plan.total_steps),
                   format_count(plan.steps_per_epoch), format_count(plan.warmup_steps), format_count(plan.first_step))},
      {"parameters",
       fmt::format("{}, of which {} are trained", format_count(size.parameters), format_count(size.trained))},
      {"memory", fmt::format("{} = weights {} + gradients {} + optimizer {}; activations come on top",
                             format_bytes(weights + gradients + moments), format_bytes(weights),
                             format_bytes(gradients), format_bytes(moments))},
  };
  std::map<std::string, std::string> all = meanings(settings, context, parts, plan);
  all.insert(data_meanings.begin(), data_meanings.end());
  return settings_table(options, all, sizes);
}

}  // namespace canine
