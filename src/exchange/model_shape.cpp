#include "model_shape.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string_view>
#include <unordered_map>

#include "canine/core/errors.hpp"

namespace canine {
namespace {

constexpr std::string_view kEmbeddings = "encoder.char_embeddings.";
constexpr int64_t kAny = -1;

/// Weights by name.
class Tensors {
 public:
  Tensors(const NamedTensors& weights, const std::string& source) : source_(source) {
    for (const auto& [name, tensor] : weights) {
      if (!tensor.is_floating_point()) {
        throw CheckpointError("{}: the tensor '{}' is no weight: floating-point numbers were expected", source, name);
      }
      by_name_.emplace(name, &tensor);
    }
  }

  bool has(const std::string& name) const { return by_name_.contains(name); }

  /// Sizes of a tensor, which must be as given where that is not kAny.
  at::IntArrayRef sizes(const std::string& name, const std::vector<int64_t>& expected) const {
    const auto found = by_name_.find(name);
    if (found == by_name_.end()) throw CheckpointError("{}: the tensor '{}' is missing", source_, name);
    const at::IntArrayRef sizes = found->second->sizes();
    bool fits = sizes.size() == expected.size();
    for (size_t i = 0; fits && i < sizes.size(); ++i) {
      fits = sizes[i] > 0 && (expected[i] == kAny || sizes[i] == expected[i]);
    }
    if (!fits) {
      throw CheckpointError("{}: the tensor '{}' has the shape [{}], [{}] was expected (-1 = any)", source_, name,
                            fmt::join(sizes, ", "), fmt::join(expected, ", "));
    }
    return sizes;
  }

 private:
  const std::string& source_;
  std::unordered_map<std::string_view, const at::Tensor*> by_name_;
};

EncoderOptions encoder_shape(const Tensors& tensors) {
  EncoderOptions options;
  const std::string embeddings(kEmbeddings);
  const auto positions = tensors.sizes(embeddings + "char_position_embeddings.weight", {kAny, kAny});
  options.num_hash_buckets = positions[0];
  const int64_t width = options.hidden_size = positions[1];
  options.type_vocab_size = tensors.sizes(embeddings + "token_type_embeddings.weight", {kAny, width})[0];
  const auto table = [&](int64_t i) { return fmt::format("{}HashBucketCodepointEmbedder_{}.weight", kEmbeddings, i); };
  options.num_hash_functions = 0;
  while (tensors.has(table(options.num_hash_functions))) {
    tensors.sizes(table(options.num_hash_functions++), {options.num_hash_buckets, kAny});
  }
  tensors.sizes("encoder.chars_to_molecules.conv.weight", {width, width, 4});
  tensors.sizes("encoder.projection.conv.weight", {width, 2 * width, 4});

  const auto layer = [](int64_t i) { return fmt::format("encoder.encoder.layer.{}.", i); };
  const std::string inner = "intermediate.dense.weight";
  options.intermediate_size = tensors.sizes(layer(0) + inner, {kAny, width})[0];
  options.num_hidden_layers = 0;
  while (tensors.has(layer(options.num_hidden_layers) + inner)) {
    const std::string prefix = layer(options.num_hidden_layers++);
    tensors.sizes(prefix + "attention.self.query.weight", {width, width});
    tensors.sizes(prefix + inner, {options.intermediate_size, width});
  }
  return options;
}

void add_decoder_shape(const Tensors& tensors, MixerOptions& options) {
  const int64_t width = options.encoder.hidden_size;
  options.vocabulary_size = tensors.sizes("decoder.head.weight", {kAny, width})[0];
  options.decoder_positions = tensors.sizes("decoder.positional_encoding.pos_embedding", {kAny, 1, width})[0];
  const auto layer = [](int64_t i) { return fmt::format("decoder.decoder.layers.{}.", i); };
  options.decoder_dim_feedforward = tensors.sizes(layer(0) + "linear1.weight", {kAny, width})[0];
  options.decoder_layers = 0;
  while (tensors.has(layer(options.decoder_layers) + "linear1.weight")) {
    const std::string prefix = layer(options.decoder_layers++);
    tensors.sizes(prefix + "self_attn.in_proj_weight", {3 * width, width});
    tensors.sizes(prefix + "linear1.weight", {options.decoder_dim_feedforward, width});
  }
}

}  // namespace

MixerOptions shape_of(const NamedTensors& weights, const std::string& source) {
  const Tensors tensors(weights, source);
  MixerOptions options;
  options.encoder = encoder_shape(tensors);
  if (tensors.has("decoder.head.weight")) add_decoder_shape(tensors, options);
  if (tensors.has("linear_decoder.weight")) {
    options.num_classes = tensors.sizes("linear_decoder.weight", {kAny, options.encoder.hidden_size})[0];
  }
  return options;
}

}  // namespace canine
