#include "canine/exchange/start_weights.hpp"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "canine/core/errors.hpp"
#include "canine/core/log.hpp"
#include "canine/model/decoder.hpp"
#include "canine/model/encoder.hpp"
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

void load_flat_head(Mixer& model, const NamedTensors& weights, const std::string& source) {
  const int64_t found = num_classes(weights);
  const int64_t wanted = model->options().num_classes;
  if (found != wanted) {
    log_note("{}: its flat head has {} classes and this model's {}, so that one starts with random values", source,
             found, wanted);
    return;
  }
  load_state_dict(*model->named_children()["linear_decoder"], part_of(weights, "linear_decoder."), source);
}

}  // namespace

std::string start_weights_source(const std::string& word) {
  std::string lower = word;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  return lower == kPublishedWord ? kPublishedName : word;
}

StartWeights::StartWeights(const std::string& source, bool only_encoder)
    : content_(read_model_content(start_weights_source(source))), only_encoder_(only_encoder) {
  if (!encoder_weights(content_.weights).empty()) return;
  throw CheckpointError("{}: none of its {} tensors belongs to a CANINE encoder ('{}', ...)", content_.path.string(),
                        content_.weights.size(), content_.weights.front().first);
}

void StartWeights::load_into(Mixer& model) const {
  const std::string source = content_.path.string();
  const NamedTensors weights = mixer_weights(content_);
  if (complete()) {
    log_info("Start weights: all of {}", source);
    load_state_dict(*model, weights, source);
    return;
  }
  const bool with_decoder = !only_encoder_ && content_.type == ModelType::kSeq2Seq;
  const bool with_head = !only_encoder_ && content_.type == ModelType::kFlat;
  log_info("Start weights: the encoder{} of {}",
           with_decoder ? " and the decoder"
           : with_head  ? " and the flat head"
                        : "",
           source);
  load_state_dict(model->encoder(), part_of(encoder_weights(content_.weights), "encoder."), source);
  if (with_decoder) load_state_dict(model->decoder(), part_of(weights, "decoder."), source);
  if (with_head) load_flat_head(model, weights, source);
}

}  // namespace canine
