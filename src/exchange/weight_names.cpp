#include "weight_names.hpp"

#include <algorithm>
#include <string_view>

#include "canine/core/errors.hpp"
#include "canine/exchange/model_content.hpp"
#include "canine/model/mixer.hpp"

namespace canine {
namespace {

struct Prefix {
  std::string_view mixer;
  std::string_view flat;
};

/// Names of the Python program's flat model, which holds encoder and head under others.
constexpr Prefix kFlatPrefixes[] = {{"encoder.", "basemodel."}, {"linear_decoder.", "out."}};

/// First parts of the names in transformers.CanineModel.
constexpr std::string_view kEncoderParts[] = {"char_embeddings.", "initial_char_encoder.", "chars_to_molecules.",
                                              "projection.",      "final_char_encoder.",   "pooler."};

std::string with_prefix(const std::string& name, std::string_view from, std::string_view to) {
  return std::string(to) + name.substr(from.size());
}

/// Name within transformers.CanineModel, or nullopt for what is no part of an encoder.
std::optional<std::string> name_in_encoder(std::string_view name) {
  for (const std::string_view prefix : {"basemodel.", "canine."}) {
    if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
  }
  // "encoder.layer.3" is a deep layer both without its prefix and in converted files, "encoder.encoder.layer.3" has
  // one.
  if (name.starts_with("encoder.") && !name.starts_with("encoder.layer.")) name.remove_prefix(8);
  if (name.starts_with("layer.")) return "encoder." + std::string(name);
  if (name.starts_with("encoder.layer.")) return std::string(name);
  for (const std::string_view part : kEncoderParts) {
    if (name.starts_with(part)) return std::string(name);
  }
  return std::nullopt;
}

}  // namespace

NamedTensors part_of(const NamedTensors& weights, std::string_view prefix) {
  NamedTensors part;
  for (const auto& [name, tensor] : weights) {
    if (name.starts_with(prefix)) part.emplace_back(name.substr(prefix.size()), tensor);
  }
  return part;
}

std::optional<ModelType> recognise(const NamedTensors& weights) {
  const bool has_decoder = contains(weights, "decoder.head.weight");
  const bool has_flat_head = contains(weights, "linear_decoder.bias");
  if (contains(weights, "basemodel.pooler.dense.bias")) return ModelType::kFlat;
  if (has_decoder) return has_flat_head ? ModelType::kMixer : ModelType::kSeq2Seq;
  return has_flat_head ? std::optional(ModelType::kFlat) : std::nullopt;
}

NamedTensors python_names(const NamedTensors& weights, ModelType type) {
  if (type != ModelType::kFlat) return weights;
  NamedTensors renamed = weights;
  for (auto& [name, tensor] : renamed) {
    for (const auto& [mixer, flat] : kFlatPrefixes) {
      if (name.starts_with(mixer)) name = with_prefix(name, mixer, flat);
    }
  }
  return renamed;
}

NamedTensors mixer_weights(const ModelContent& content) {
  NamedTensors weights;
  for (auto [name, tensor] : content.weights) {
    if (is_position_ids(name)) continue;
    for (const auto& [mixer, flat] : kFlatPrefixes) {
      if (content.type == ModelType::kFlat && name.starts_with(flat)) name = with_prefix(name, flat, mixer);
    }
    weights.emplace_back(std::move(name), tensor);
  }
  return weights;
}

NamedTensors encoder_weights(const NamedTensors& weights) {
  NamedTensors encoder;
  for (const auto& [name, tensor] : weights) {
    if (is_position_ids(name)) continue;
    if (const auto known = name_in_encoder(name)) encoder.emplace_back("encoder." + *known, tensor);
  }
  return encoder;
}

}  // namespace canine
