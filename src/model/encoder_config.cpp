#include "canine/model/encoder_config.hpp"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/core/json_depth.hpp"
#include "canine/core/stand_in.hpp"

namespace canine {
namespace {

using Json = nlohmann::ordered_json;

/// Keys that do not change what trained weights compute.
constexpr std::string_view kWithoutEffect[] = {"hidden_dropout_prob", "attention_probs_dropout_prob",
                                               "initializer_range", "max_position_embeddings"};

/// Calls visit(key, value) for every key of config.json that shapes the encoder.
template <typename Options, typename Visitor>
void visit_keys(Options& options, const Visitor& visit) {
  visit("hidden_size", options.hidden_size);
  visit("num_hidden_layers", options.num_hidden_layers);
  visit("num_attention_heads", options.num_attention_heads);
  visit("intermediate_size", options.intermediate_size);
  visit("hidden_dropout_prob", options.hidden_dropout_prob);
  visit("attention_probs_dropout_prob", options.attention_probs_dropout_prob);
  visit("layer_norm_eps", options.layer_norm_eps);
  visit("initializer_range", options.initializer_range);
  visit("num_hash_functions", options.num_hash_functions);
  visit("num_hash_buckets", options.num_hash_buckets);
  visit("max_position_embeddings", options.max_position_embeddings);
  visit("type_vocab_size", options.type_vocab_size);
  visit("local_transformer_stride", options.local_transformer_stride);
  visit("downsampling_rate", options.downsampling_rate);
  visit("upsampling_kernel_size", options.upsampling_kernel_size);
}

void read(const Json& value, const char* key, int64_t& out, const std::string& where) {
  if (!value.is_number_integer())
    throw UsageError("{}: \"{}\" must be a whole number, not {}", where, key, value.dump());
  out = value.get<int64_t>();
}

void read(const Json& value, const char* key, double& out, const std::string& where) {
  if (!value.is_number()) throw UsageError("{}: \"{}\" must be a number, not {}", where, key, value.dump());
  out = value.get<double>();
}

void require_text(const Json& config, const char* key, const char* wanted, const std::string& where) {
  const auto found = config.find(key);
  if (found != config.end() && *found != wanted) {
    throw UsageError("{}: \"{}\" must be \"{}\", not {}; other encoders are not supported", where, key, wanted,
                     found->dump());
  }
}

}  // namespace

EncoderOptions parse_encoder_config(std::string_view json, const std::string& where) {
  refuse_deep_json<UsageError>(json, where);
  const Json config = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!config.is_object()) {
    throw UsageError("{}: expected a JSON object as in the config.json of google/canine-s", where);
  }
  require_text(config, "model_type", "canine", where);
  require_text(config, "hidden_act", "gelu", where);
  EncoderOptions options;
  visit_keys(options, [&](const char* key, auto& value) {
    const auto found = config.find(key);
    if (found != config.end()) read(*found, key, value, where);
  });
  try {
    options.validate();
  } catch (const UsageError& error) {
    throw UsageError("{}: {}", where, error.what());
  }
  return options;
}

EncoderOptions load_encoder_config(const std::filesystem::path& path, const std::string& where) {
  constexpr uint64_t kMostBytes = uint64_t{1} << 20;
  if (const std::string why = stand_in(path); !why.empty()) throw UsageError("{}: {}", where, why);
  return parse_encoder_config(read_file(path, kMostBytes), where);
}

std::string encoder_config_json(const EncoderOptions& options) {
  Json config;
  config["architectures"] = {"CanineModel"};
  config["model_type"] = "canine";
  config["hidden_act"] = "gelu";
  visit_keys(options, [&](const char* key, const auto& value) { config[key] = value; });
  return config.dump(2) + "\n";
}

std::optional<EncoderDifference> find_difference(const EncoderOptions& left, const EncoderOptions& right) {
  const Json of_left = Json::parse(encoder_config_json(left));
  const Json of_right = Json::parse(encoder_config_json(right));
  for (const auto& [key, value] : of_left.items()) {
    if (value == of_right[key]) continue;
    if (std::find(std::begin(kWithoutEffect), std::end(kWithoutEffect), key) != std::end(kWithoutEffect)) continue;
    return EncoderDifference{key, value.dump(), of_right[key].dump()};
  }
  return std::nullopt;
}

}  // namespace canine
