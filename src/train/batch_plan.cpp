#include "canine/train/batch_plan.hpp"

#include <fmt/format.h>

#include <cmath>

#include "canine/core/errors.hpp"

namespace canine {
namespace {

void require_positive(const char* flag, int64_t value, const char* unit) {
  if (value < 1) throw UsageError("{} {}: expected 1 or more {}", flag, value, unit);
}

/// `rows` rows among `processes` x `accumulation` micro-batches.
int64_t divided(const char* flag, int64_t rows, int processes, int64_t accumulation) {
  const int64_t parts = processes * accumulation;
  if (rows % parts == 0) return rows / parts;
  const int64_t below = rows / parts * parts;
  throw UsageError("{} {}: it must be divisible by {} ({} process{} x {} accumulation), such as {}{}", flag, rows,
                   parts, processes, processes == 1 ? "" : "es", accumulation,
                   below > 0 ? fmt::format("{} or ", below) : std::string(), below + parts);
}

int64_t rows_of_a_process(const BatchOptions& options, int processes, BatchMeaning meaning) {
  if (options.global_batch_size) {
    return divided("--global-batch-size", *options.global_batch_size, processes, options.grad_accum_steps);
  }
  return meaning == BatchMeaning::kWhole ? divided("--batch-size", options.batch_size, processes, 1)
                                         : options.batch_size;
}

/// The rows of what was typed: the whole batch where that is what --batch-size or --global-batch-size counts.
int64_t usual_reference(const BatchOptions& options, const BatchPlan& plan, BatchMeaning meaning) {
  const bool whole = meaning == BatchMeaning::kWhole || options.global_batch_size;
  return whole ? plan.global_batch() : plan.per_process * plan.grad_accum_steps;
}

double rate_factor(const BatchOptions& options, const BatchPlan& plan, BatchMeaning meaning) {
  const int64_t reference = options.lr_ref_batch.value_or(usual_reference(options, plan, meaning));
  const double ratio = static_cast<double>(plan.global_batch()) / static_cast<double>(reference);
  switch (options.lr_scale) {
    case LrScale::kSqrt:
      return std::sqrt(ratio);
    case LrScale::kLinear:
      return ratio;
    case LrScale::kNone:
      break;
  }
  return 1;
}

}  // namespace

const char* name_of(LrScale scale) {
  switch (scale) {
    case LrScale::kSqrt:
      return "sqrt";
    case LrScale::kLinear:
      return "linear";
    case LrScale::kNone:
      break;
  }
  return "none";
}

BatchPlan BatchPlan::of(const BatchOptions& options, int processes, BatchMeaning meaning) {
  require_positive("--batch-size", options.batch_size, "rows");
  require_positive("--global-batch-size", options.global_batch_size.value_or(1), "rows");
  require_positive("--grad-accum-steps", options.grad_accum_steps, "micro-batches");
  require_positive("--lr-ref-batch", options.lr_ref_batch.value_or(1), "rows");
  BatchPlan plan;
  plan.processes = processes;
  plan.grad_accum_steps = options.grad_accum_steps;
  plan.per_process = rows_of_a_process(options, processes, meaning);
  plan.lr_scale = options.lr_scale;
  plan.base_learning_rate = options.learning_rate;
  plan.learning_rate_factor = rate_factor(options, plan, meaning);
  return plan;
}

int64_t BatchPlan::steps_per_epoch(int64_t rows_per_process) const {
  const int64_t rows_per_step = per_process * grad_accum_steps;
  return (rows_per_process + rows_per_step - 1) / rows_per_step;
}

std::string BatchPlan::text(int64_t steps_per_epoch, double rate_in_use) const {
  std::string rate = fmt::format("learning rate {:g}", base_learning_rate);
  if (rate_in_use != learning_rate()) {
    rate = fmt::format("learning rate {:g} (of the checkpoint)", rate_in_use);
  } else if (lr_scale != LrScale::kNone) {
    rate += fmt::format(" x {:g} ({}) = {:g}", learning_rate_factor, name_of(lr_scale), learning_rate());
  }
  return fmt::format("{} row{} x {} process{} x {} accumulation = global batch {} | {} | {} step{} per epoch",
                     per_process, per_process == 1 ? "" : "s", processes, processes == 1 ? "" : "es", grad_accum_steps,
                     global_batch(), rate, steps_per_epoch, steps_per_epoch == 1 ? "" : "s");
}

int largest_even_division(int64_t rows, int available) {
  int devices = available < 1 ? 1 : available;
  while (devices > 1 && rows % devices != 0) --devices;
  return devices;
}

}  // namespace canine
