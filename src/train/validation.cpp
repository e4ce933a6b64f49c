#include "canine/train/validation.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "canine/core/errors.hpp"
#include "canine/core/log.hpp"
#include "canine/model/evaluation_mode.hpp"
#include "canine/report/progress.hpp"
#include "canine/train/training_step.hpp"

namespace canine {
namespace {

constexpr int64_t kBatchesBetweenLines = 100;

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
      num_rows_(data.size()),
      num_batches_((num_rows_ + options.loader.batch_size - 1) / options.loader.batch_size),
      loader_(data, validation_rows(num_rows_, options.loader.batch_size, group_->rank(), group_->world()), nullptr,
              options.loader) {}

int64_t Validation::rows_in(int64_t batches) const { return std::min(num_rows_, batches * options_.loader.batch_size); }

ValidationMetrics Validation::run(int64_t max_batches) {
  const EvaluationMode evaluation(*model_);
  const int64_t batches = max_batches < 0 ? num_batches_ : std::min(max_batches, num_batches_);
  MetricSums sums(device_);
  std::optional<ProgressBar> bar;
  if (group_->is_main()) bar.emplace("validation", batches);
  group_->enter("validation");
  loader_.seek(0);
  for (int64_t index = group_->rank(), own = 0; index < batches; index += group_->world(), ++own) {
    const Batch batch = to_device(*loader_.next(), device_);
    const MixerOutput output = forward_teacher_forced(*model_, batch);
    sums.add(output.sequence_logits, output.flat_logits, batch.targets_seq2seq, batch.targets_linear, options_.layout,
             options_.seq2seq_weight);
    if (!bar) continue;
    bar->update(std::min(batches, index + group_->world()));
    if (own % kBatchesBetweenLines == 0) log_running(sums.means(), index + 1, batches);
  }
  at::Tensor all = sums.sums().cpu();
  group_->all_reduce(all, Reduction::kSum, "the sums of the validation");
  sums.sums().copy_(all);
  const ValidationMetrics metrics = sums.means();
  if (const auto expected = static_cast<double>(rows_in(batches)); metrics.rows != expected) {
    throw InternalError("the validation counted {} rows of {}; every row must count once", metrics.rows, expected);
  }
  return metrics;
}

}  // namespace canine
