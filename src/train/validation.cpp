#include "canine/train/validation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "canine/core/errors.hpp"
#include "canine/core/fault_injection.hpp"
#include "canine/core/log.hpp"
#include "canine/model/evaluation_mode.hpp"
#include "canine/report/progress.hpp"
#include "canine/train/step_agreement.hpp"
#include "canine/train/training_step.hpp"

namespace canine {
namespace {

constexpr int64_t kRoundsBetweenLines = 100;
constexpr int64_t kRoundsBetweenAgreements = 4;  // of several ranks

void log_running(const ValidationMetrics& running, int64_t batch, int64_t batches) {
  log_info("  Eval Batch {}/{} | Seq Acc: {:.2f}% | Token Acc: {:.2f}% | Flat Acc: {:.2f}% | Val Loss: {:.6f}", batch,
           batches, running.seq_acc, running.token_acc, 100 * running.flat_acc, running.loss);
}

}  // namespace

Validation::Validation(const Dataset& data, Mixer model, c10::Device device, std::shared_ptr<ProcessGroup> group,
                       const Options& options)
    : model_(std::move(model)),
      device_(device),
      group_(std::move(group)),
      options_(options),
      batches_(data, *group_, options.loader) {}

void Validation::add_batch(int64_t index, int64_t batches, MetricSums& sums) {
  group_->enter(fmt::format("validation: batch {} of {}", index + 1, batches));
  fault_point("validation", group_->rank(), index);
  const Batch batch = to_device(*batches_.next(), device_);
  const MixerOutput output = forward_teacher_forced(*model_, batch);
  sums.add(output.sequence_logits, output.flat_logits, batch.targets_seq2seq, batch.targets_linear, options_.layout,
           options_.seq2seq_weight);
}

ValidationMetrics Validation::join_ranks(MetricSums& sums, int64_t batches) {
  at::Tensor all = sums.sums().cpu();
  group_->all_reduce(all, Reduction::kSum, "the sums of the validation");
  sums.sums().copy_(all);
  const ValidationMetrics metrics = sums.means();
  if (const auto expected = static_cast<double>(batches_.rows_before(batches)); metrics.rows != expected) {
    throw InternalError("the validation counted {} rows of {}; every row must count once", metrics.rows, expected);
  }
  return metrics;
}

/// In rounds of a batch for every rank. A stop request is read at the agreement after the one that carried it, so no
/// rank ever stands still to learn that there is none.
std::optional<ValidationMetrics> Validation::pass(int64_t batches, const std::function<int()>& stop_signal) {
  const EvaluationMode evaluation(*model_);
  const Patience patience(*group_);
  MetricSums sums(device_);
  std::optional<ProgressBar> bar;
  if (group_->is_main()) bar.emplace("validation", batches);
  StepAgreement agreement(group_, "round of the validation");
  const int64_t world = group_->world();
  const int64_t rounds_between_agreements = world == 1 ? 1 : kRoundsBetweenAgreements;
  batches_.rewind();
  for (int64_t round = 0; round * world < batches; ++round) {
    if (round % rounds_between_agreements == 0) {
      if (agreement.exchange(round, {.stop_signal = stop_signal()}).stop_signal != 0) return std::nullopt;
    }
    const int64_t index = round * world + group_->rank();
    if (index >= batches) continue;
    add_batch(index, batches, sums);
    if (!bar) continue;
    bar->update(std::min(batches, index + world));
    if (round % kRoundsBetweenLines == 0) log_running(sums.means(), index + 1, batches);
  }
  agreement.settle();
  return join_ranks(sums, batches);
}

ValidationMetrics Validation::run(int64_t max_batches) {
  const int64_t batches = max_batches < 0 ? num_batches() : std::min(max_batches, num_batches());
  return *pass(batches, [] { return 0; });
}

std::optional<ValidationMetrics> Validation::run_unless_stopped(const std::function<int()>& stop_signal) {
  return pass(num_batches(), stop_signal);
}

}  // namespace canine
