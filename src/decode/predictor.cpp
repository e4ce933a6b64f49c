#include "canine/decode/predictor.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/topk.h>
#include <c10/core/DeviceGuard.h>

#include <algorithm>
#include <optional>
#include <span>
#include <tuple>

#include "canine/core/errors.hpp"
#include "canine/decode/confidence.hpp"
#include "canine/decode/first_blocks.hpp"
#include "canine/decode/flat.hpp"
#include "canine/decode/full_search.hpp"
#include "canine/decode/greedy.hpp"
#include "canine/model/matrix_precision.hpp"
#include "canine/optim/autocast.hpp"
#include "canine/text/formatter.hpp"

namespace canine {
namespace {

/// Between the codes of a decoded sequence.
constexpr char kBetweenCodes = '&';

/// Codes of a decoded sequence; empty ones (a block of nothing but filling) are none.
std::vector<std::string> split_codes(std::string_view text) {
  std::vector<std::string> codes;
  while (!text.empty()) {
    const size_t end = text.find(kBetweenCodes);
    if (end != 0) codes.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return codes;
}

/// Rows of numbers that have come to the host.
class HostRows {
 public:
  /// Copies the columns of both [B, ...] tensors side by side, which is one copy and one wait.
  HostRows(const at::Tensor& left, const at::Tensor& right)
      : numbers_(at::cat({left.to(at::kDouble), right.to(at::kDouble)}, 1).cpu().contiguous()) {}

  int64_t size() const { return numbers_.size(0); }
  std::span<const double> operator[](int64_t row) const {
    const auto width = static_cast<size_t>(numbers_.size(1));
    return {numbers_.const_data_ptr<double>() + static_cast<size_t>(row) * width, width};
  }

 private:
  at::Tensor numbers_;
};

PrefixTree tree_of(const CodeSystem& codes) {
  std::vector<std::optional<std::string>> cells;
  for (int64_t index = 0; index < codes.num_classes(); ++index) cells.push_back(codes.cell(index));
  return PrefixTree(first_blocks(*codes.formatter(), cells));
}

LoadedModel copy_of(const LoadedModel& model) {
  LoadedModel copy = model;
  Mixer original = model.model;
  copy.model = Mixer(original->options(), InitialValues::kNone);
  load_state_dict(*copy.model, state_dict(*original), "a copy of the model");
  return copy;
}

}  // namespace

void PredictorOptions::validate(const LoadedModel& model) const {
  if (top_k < 1) throw UsageError("--top-k: expected 1 or more, got {}", top_k);
  if (mode == DecodeMode::kFlat) {
    if (model.model->has_flat_head()) return;
    throw UsageError("--mode flat: {} has no flat head; it writes codes with --mode greedy or full",
                     model.path.string());
  }
  if (!model.model->has_decoder()) {
    throw UsageError("--mode {}: {} is a flat model, without a decoder; use --mode flat",
                     mode == DecodeMode::kGreedy ? "greedy" : "full", model.path.string());
  }
  const int64_t length = model.codes->formatter()->layout().sequence_length();
  const int64_t positions = model.model->options().decoder_positions;
  if (length > positions + 1) {
    throw UsageError("--target-cols and --block-size make sequences of {} tokens; the model's decoder can write {}",
                     length, positions + 1);
  }
}

int64_t max_codes(const PredictorOptions& options, const CodeSystem& codes) {
  if (options.mode == DecodeMode::kGreedy) return codes.formatter()->layout().num_blocks;
  return std::min(options.top_k, codes.num_classes());
}

Predictor::Predictor(const LoadedModel& model, const PredictorOptions& options, c10::Device device)
    : options_(options), device_(device), model_(model.model), codes_(model.codes) {
  options_.validate(model);
  if (options_.mode == DecodeMode::kFull) tree_.emplace(tree_of(*codes_));
  model_->to(device_);
  model_->eval();
  if (options_.precision) store_matrices_as(*model_, *options_.precision);
}

std::vector<std::unique_ptr<Predictor>> make_predictors(const LoadedModel& model, const PredictorOptions& options,
                                                        const std::vector<c10::Device>& devices) {
  std::vector<std::unique_ptr<Predictor>> predictors;
  for (size_t i = 0; i < devices.size(); ++i) {
    const bool last = i + 1 == devices.size();
    predictors.push_back(std::make_unique<Predictor>(last ? model : copy_of(model), options, devices[i]));
  }
  return predictors;
}

std::vector<Prediction> Predictor::predict(const TextBatch& batch) {
  const c10::DeviceGuard on_device(device_);
  const AutocastGuard autocast(device_.type(), options_.precision);
  const at::Tensor ids = batch.input_ids.to(device_, /*non_blocking=*/true);
  const at::Tensor mask = batch.attention_mask.to(device_, /*non_blocking=*/true);
  return options_.mode == DecodeMode::kGreedy ? greedy(ids, mask) : likeliest(ids, mask, batch.thresholds);
}

std::vector<Prediction> Predictor::greedy(const at::Tensor& ids, const at::Tensor& mask) {
  const Formatter& formatter = *codes_->formatter();
  const GreedyResult result = greedy_decode(*model_, ids, mask, formatter.layout().sequence_length());
  const at::Tensor confidence =
      options_.any_order ? order_invariant_confidence(*model_, result, formatter) : sequence_confidence(result);
  const HostRows rows(result.tokens, confidence.unsqueeze(1));
  std::vector<Prediction> predictions(static_cast<size_t>(rows.size()));
  std::vector<int64_t> tokens;
  for (int64_t row = 0; row < rows.size(); ++row) {
    const std::span<const double> numbers = rows[row];
    tokens.assign(numbers.begin(), numbers.end() - 1);
    Prediction& prediction = predictions[static_cast<size_t>(row)];
    prediction.codes = split_codes(formatter.decode(tokens));
    prediction.confidence = static_cast<float>(numbers.back());
  }
  return predictions;
}

std::vector<Prediction> Predictor::likeliest(const at::Tensor& ids, const at::Tensor& mask,
                                             const std::vector<double>& thresholds) {
  const bool flat = options_.mode == DecodeMode::kFlat;
  const at::Tensor scores = flat ? flat_logits(*model_, ids, mask) : full_search(*model_, ids, mask, *tree_);
  FlatTopK top;
  if (flat) {
    top = flat_top_k(scores, options_.top_k);
  } else {
    std::tie(top.probabilities, top.classes) = at::topk(scores, std::min(options_.top_k, scores.size(1)));
  }
  const HostRows rows(top.classes, top.probabilities);
  std::vector<Prediction> predictions(static_cast<size_t>(rows.size()));
  for (int64_t row = 0; row < rows.size(); ++row) {
    const size_t places = rows[row].size() / 2;
    Prediction& prediction = predictions[static_cast<size_t>(row)];
    for (size_t place = 0; place < places; ++place) {
      const double probability = rows[row][places + place];
      if (!(probability > thresholds[static_cast<size_t>(row)])) break;
      const auto found = static_cast<int64_t>(rows[row][place]);
      const std::optional<std::string> code = codes_->code(found);
      if (!code) continue;  // the class of missing cells
      prediction.codes.push_back(*code);
      prediction.probabilities.push_back(static_cast<float>(probability));
    }
  }
  return predictions;
}

}  // namespace canine
