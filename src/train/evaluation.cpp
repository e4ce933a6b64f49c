#include "canine/train/evaluation.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/decode/greedy.hpp"
#include "canine/model/evaluation_mode.hpp"
#include "canine/optim/autocast.hpp"
#include "canine/train/training_step.hpp"

namespace canine {
namespace {

constexpr double kEvenWeight = 0.5;  // of the two parts in a loss that nobody asks for

void append(std::string& bytes, const at::Tensor& tensor) {
  const at::Tensor dense = tensor.contiguous();
  bytes.append(static_cast<const char*>(dense.const_data_ptr()), dense.nbytes());
}

/// A tensor out of the next bytes.
at::Tensor take(std::string_view& bytes, at::IntArrayRef shape, at::ScalarType type) {
  at::Tensor tensor = at::empty(shape, type);
  if (bytes.size() < tensor.nbytes()) throw InternalError("a batch of evaluated rows is shorter than it should be");
  std::memcpy(tensor.mutable_data_ptr(), bytes.data(), tensor.nbytes());
  bytes.remove_prefix(tensor.nbytes());
  return tensor;
}

}  // namespace

Evaluation::Evaluation(const Dataset& data, Mixer model, c10::Device device, std::shared_ptr<ProcessGroup> group,
                       const Options& options)
    : data_(data),
      model_(std::move(model)),
      device_(device),
      group_(std::move(group)),
      options_(options),
      batches_(data, *group_, options.loader) {}

EvaluatedBatch Evaluation::evaluate(const Batch& batch) {
  GreedyResult greedy;
  at::Tensor sequence_logits;
  {
    const AutocastGuard autocast(device_.type(), autocast_type(options_.precision));
    greedy = greedy_decode(*model_, batch.input_ids, batch.attention_mask, batch.targets_seq2seq.size(1));
    sequence_logits = model_->decoder().forward(decoder_input(batch), greedy.memory, PadBonus::kOne);
  }
  MetricSums sums(device_);
  const auto add = [&](const at::Tensor& logits, const at::Tensor& flat, const at::Tensor& seq,
                       const at::Tensor& linear) {
    return sums.add(logits, flat, seq, linear, options_.layout, kEvenWeight);
  };
  at::Tensor hits;
  if (const at::Tensor rows = rows_with_labels(batch); rows.size(0) == batch.size()) {
    hits = add(sequence_logits, greedy.flat_logits, batch.targets_seq2seq, batch.targets_linear);
  } else {
    hits = at::zeros({batch.size(), MetricSums::kNumHits}, rows.options());
    if (rows.size(0) > 0) {
      hits.index_copy_(0, rows,
                       add(sequence_logits.index_select(0, rows), greedy.flat_logits.index_select(0, rows),
                           batch.targets_seq2seq.index_select(0, rows), batch.targets_linear.index_select(0, rows)));
    }
  }
  const FlatTopK likeliest = flat_top_k(greedy.flat_logits, options_.top_k);
  EvaluatedBatch result;
  result.first_row = batch.rows.front();
  result.tokens = greedy.tokens.cpu();
  result.probabilities = greedy.probabilities.cpu();
  result.likeliest = {likeliest.classes.cpu(), likeliest.probabilities.cpu()};
  result.hits = hits.cpu();
  result.sums = sums.sums().cpu();
  return result;
}

/// Places in the batch, [n] int64 on the device.
at::Tensor Evaluation::rows_with_labels(const Batch& batch) const {
  std::vector<int64_t> rows;
  for (int64_t i = 0; i < batch.size(); ++i) {
    if (data_.has_labels(batch.rows[static_cast<size_t>(i)])) rows.push_back(i);
  }
  const at::Tensor host = at::empty({std::ssize(rows)}, at::kLong);
  std::ranges::copy(rows, host.mutable_data_ptr<int64_t>());
  return host.to(device_);
}

std::string Evaluation::packed(const EvaluatedBatch& batch) const {
  std::string bytes;
  for (const at::Tensor& tensor : {batch.tokens, batch.probabilities, batch.likeliest.classes,
                                   batch.likeliest.probabilities, batch.hits, batch.sums}) {
    append(bytes, tensor);
  }
  return bytes;
}

EvaluatedBatch Evaluation::unpacked(const std::string& bytes, int64_t batch) const {
  const int64_t rows = batches_.rows_of(batch);
  const int64_t length = options_.layout.num_tokens() + 2;
  std::string_view rest = bytes;
  EvaluatedBatch result;
  result.first_row = batches_.rows_before(batch);
  result.tokens = take(rest, {rows, length}, at::kLong);
  result.probabilities = take(rest, {rows, length}, at::kFloat);
  result.likeliest.classes = take(rest, {rows, options_.top_k}, at::kLong);
  result.likeliest.probabilities = take(rest, {rows, options_.top_k}, at::kFloat);
  result.hits = take(rest, {rows, MetricSums::kNumHits}, at::kLong);
  result.sums = take(rest, {MetricSums::kNumSums}, at::kDouble);
  return result;
}

ValidationMetrics Evaluation::run(const Receiver& receive) {
  const EvaluationMode evaluation(*model_);
  const Patience patience(*group_);
  MetricSums all(at::kCPU);
  batches_.rewind();
  for (int64_t first = 0; first < num_batches(); first += group_->world()) {
    group_->enter(fmt::format("evaluating batch {}", first + group_->rank() + 1));
    const std::optional<Batch> own = batches_.next();
    const std::string bytes = own ? packed(evaluate(to_device(*own, device_))) : std::string();
    const auto round = group_->all_gather_text(
        bytes, fmt::format("the results of batches {} to {}", first + 1, first + group_->world()));
    for (int64_t batch = first; batch < std::min(num_batches(), first + group_->world()); ++batch) {
      const EvaluatedBatch result = unpacked(round[static_cast<size_t>(batch - first)], batch);
      all.sums() += result.sums;
      if (!group_->is_main()) continue;
      group_->enter(fmt::format("taking the results of batch {}", batch + 1));
      receive(result);
    }
  }
  return all.means();
}

}  // namespace canine
