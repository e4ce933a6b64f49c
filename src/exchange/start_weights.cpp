#include "canine/exchange/start_weights.hpp"

#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>

#include <string_view>

#include "canine/core/ascii_lower.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/log.hpp"
#include "canine/model/decoder.hpp"
#include "canine/model/encoder.hpp"
#include "start_codes.hpp"
#include "weight_names.hpp"

namespace canine {
namespace {

constexpr std::string_view kPublishedWord = "occ-canine-v1";
constexpr const char* kPublishedName = "Christianvedel/OccCANINE";

/// Classes of the flat head of these weights, 0 if there is none.
int64_t num_classes(const NamedTensors& weights) {
  for (const auto& [name, tensor] : weights) {
    if (name == "linear_decoder.bias") return tensor.numel();
  }
  return 0;
}

bool is_of_head(std::string_view name) { return name.starts_with("linear_decoder."); }

}  // namespace

std::string start_weights_source(const std::string& word) {
  return ascii_lower(word) == kPublishedWord ? kPublishedName : word;
}

StartWeights::StartWeights(const std::string& source, bool only_encoder)
    : content_(read_model_content(start_weights_source(source))), only_encoder_(only_encoder) {
  if (!encoder_weights(content_.weights).empty()) return;
  throw CheckpointError("{}: none of its {} tensors belongs to a CANINE encoder ('{}', ...)", content_.path.string(),
                        content_.weights.size(), content_.weights.front().first);
}

void StartWeights::require_codes(const FormatterOptions& run) {
  if (only_encoder_ || !content_.type || *content_.type == ModelType::kFlat) return;
  const auto difference = codes_difference(content_, run);
  if (!difference) return;
  const std::string source = content_.path.string();
  if (content_.type == ModelType::kSeq2Seq) {
    log_note("{}: its decoder was trained with {}, so it starts with random values", source, *difference);
    same_blocks_ = false;
    return;
  }
  throw CheckpointError(
      "--initial-checkpoint {}: it was trained with {}; give the former, or take its encoder alone with --only-encoder",
      source, *difference);
}

void StartWeights::require_classes(int64_t wanted, const LabelKey* key) const {
  if (!complete()) return;
  constexpr const char* kWayOut = "take its encoder alone with --only-encoder, or train on data with its codes";
  const std::string source = content_.path.string();
  const bool known = key != nullptr && content_.key;
  if (known && !matching_classes(*content_.key, *key)) {
    throw CheckpointError(
        "--initial-checkpoint {}: its {} codes are not the {} codes of this run, so its classes would mean something "
        "else; {}",
        source, content_.key->size(), key->size(), kWayOut);
  }
  if (const int64_t found = num_classes(mixer_weights(content_)); !known && found != wanted) {
    throw CheckpointError("--initial-checkpoint {}: its flat head has {} classes, this run has {} codes; {}", source,
                          found, wanted, kWayOut);
  }
}

/// The rows of the head in the order of the run's classes, which are the same codes.
NamedTensors StartWeights::with_classes_of(const NamedTensors& weights, const LabelKey* key) const {
  if (key == nullptr || !content_.key || *content_.key == *key) return weights;
  const std::string source = content_.path.string();
  const auto classes = matching_classes(*content_.key, *key);
  if (!classes) throw InternalError("{}: its codes were to be those of the run", source);
  log_note("{}: its classes have another order than those of this run; the rows of its flat head are put into theirs",
           source);
  const at::Tensor order = at::tensor(at::IntArrayRef(*classes), at::kLong);
  NamedTensors ordered = weights;
  for (auto& [name, tensor] : ordered) {
    if (is_of_head(name) && tensor.dim() > 0 && tensor.size(0) == key->size()) tensor = tensor.index_select(0, order);
  }
  return ordered;
}

/// The head of a flat model, where it has the classes of the run.
void StartWeights::load_head(Mixer& model, const NamedTensors& weights, const LabelKey* key) const {
  const int64_t found = num_classes(weights);
  const int64_t wanted = model->options().num_classes;
  const bool other_codes = key != nullptr && content_.key && !matching_classes(*content_.key, *key);
  if (found != wanted || other_codes) {
    log_note("{}: its flat head has {} classes and this model's {}{}, so that one starts with random values",
             content_.path.string(), found, wanted, found == wanted ? " of other codes" : "");
    return;
  }
  load_state_dict(*model->named_children()["linear_decoder"], part_of(with_classes_of(weights, key), "linear_decoder."),
                  content_.path.string());
}

void StartWeights::load_into(Mixer& model, const LabelKey* key) const {
  const std::string source = content_.path.string();
  const NamedTensors weights = mixer_weights(content_);
  if (complete()) {
    require_classes(model->options().num_classes, key);
    log_info("Start weights: all of {}", source);
    load_state_dict(*model, with_classes_of(weights, key), source);
    return;
  }
  const bool with_decoder = !only_encoder_ && content_.type == ModelType::kSeq2Seq && same_blocks_;
  const bool with_head = !only_encoder_ && content_.type == ModelType::kFlat;
  log_info("Start weights: the encoder{} of {}",
           with_decoder ? " and the decoder"
           : with_head  ? " and the flat head"
                        : "",
           source);
  load_state_dict(model->encoder(), part_of(encoder_weights(content_.weights), "encoder."), source);
  if (with_decoder) load_state_dict(model->decoder(), part_of(weights, "decoder."), source);
  if (with_head) load_head(model, weights, key);
}

}  // namespace canine
