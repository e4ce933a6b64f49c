#include "weight_names.hpp"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "canine/core/errors.hpp"
#include "canine/exchange/model_content.hpp"
#include "canine/exchange/wrapped_names.hpp"
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

/// Parts of names that wrappers put between or before those of the model, and that no model here has itself.
constexpr std::string_view kWrappers[] = {"module", "_orig_mod", "model", "_fsdp_wrapped_module",
                                          "_checkpoint_wrapped_module"};

std::string without_wrappers(std::string_view name) {
  std::string plain;
  while (!name.empty()) {
    const size_t dot = name.find('.');
    const std::string_view part = name.substr(0, dot);
    name = dot == std::string_view::npos ? "" : name.substr(dot + 1);
    const bool is_last = dot == std::string_view::npos;
    if (!is_last && std::find(std::begin(kWrappers), std::end(kWrappers), part) != std::end(kWrappers)) continue;
    plain.append(part).append(is_last ? "" : ".");
  }
  return plain;
}

/// What stands before the encoder's names: the shortest, if there are several encoders.
std::string foreign_prefix(const NamedTensors& weights) {
  constexpr std::string_view kInEncoder = "char_embeddings.char_position_embeddings.weight";
  std::optional<std::string> prefix;
  for (const auto& [name, tensor] : weights) {
    if (!name.ends_with(kInEncoder)) continue;
    std::string_view before = std::string_view(name).substr(0, name.size() - kInEncoder.size());
    for (const std::string_view own : {"encoder.", "basemodel.", "canine."}) {
      if (!before.ends_with(own)) continue;
      before.remove_suffix(own.size());
      break;
    }
    if (!prefix || before.size() < prefix->size()) prefix = before;
  }
  return prefix.value_or("");
}

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

NamedTensors unwrapped(const NamedTensors& weights, const std::string& source) {
  NamedTensors plain;
  for (const auto& [name, tensor] : weights) plain.emplace_back(without_wrappers(name), tensor);
  const std::string prefix = foreign_prefix(plain);
  std::unordered_map<std::string, std::string> former;
  for (size_t i = 0; i < plain.size(); ++i) {
    std::string& name = plain[i].first;
    if (name.starts_with(prefix)) name.erase(0, prefix.size());
    const auto [other, is_new] = former.emplace(name, weights[i].first);
    if (is_new) continue;
    throw CheckpointError("{}: two tensors would be '{}': '{}' and '{}'; keep one of them", source, name, other->second,
                          weights[i].first);
  }
  return plain;
}

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
