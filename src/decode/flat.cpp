#include "canine/decode/flat.hpp"

#include <ATen/ops/le.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/topk.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "canine/core/errors.hpp"
#include "canine/model/evaluation_mode.hpp"

namespace canine {
namespace {

/// Of the published languages (data/languages.hpp).
constexpr std::array<std::pair<std::string_view, double>, 14> kThresholds = {{
    {"unk", .31},
    {"ca", .30},
    {"da", .24},
    {"en", .26},
    {"es", .30},
    {"fr", .21},
    {"ge", .21},
    {"gr", .19},
    {"is", .17},
    {"it", .20},
    {"nl", .22},
    {"no", .34},
    {"pt", .27},
    {"se", .26},
}};
constexpr double kOtherThreshold = .31;

}  // namespace

at::Tensor flat_logits(MixerImpl& mixer, const at::Tensor& input_ids, const at::Tensor& attention_mask) {
  const EvaluationMode evaluation(mixer);
  return mixer.flat_logits(mixer.pool(input_ids, attention_mask));
}

FlatTopK flat_top_k(const at::Tensor& flat_logits, int64_t k) {
  const auto [probabilities, classes] =
      at::topk(at::sigmoid(flat_logits.to(at::kFloat)), std::min(k, flat_logits.size(1)));
  return {classes, probabilities};
}

FlatTopK above_thresholds(const FlatTopK& top, std::span<const double> thresholds) {
  if (static_cast<int64_t>(thresholds.size()) != top.classes.size(0)) {
    throw InternalError("{} rows, but {} thresholds", top.classes.size(0), thresholds.size());
  }
  const at::Tensor limits =
      at::tensor(at::ArrayRef<double>(thresholds.data(), thresholds.size()), top.probabilities.options());
  const at::Tensor blank = top.probabilities.le(limits.unsqueeze(1));
  return {top.classes.masked_fill(blank, kNoClass),
          top.probabilities.masked_fill(blank, std::numeric_limits<double>::quiet_NaN())};
}

double usual_threshold(std::string_view language) {
  const auto* found =
      std::find_if(kThresholds.begin(), kThresholds.end(), [&](const auto& entry) { return entry.first == language; });
  return found == kThresholds.end() ? kOtherThreshold : found->second;
}

}  // namespace canine
