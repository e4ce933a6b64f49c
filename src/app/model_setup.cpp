#include "canine/app/model_setup.hpp"

#include <ATen/Context.h>
#include <fmt/format.h>

#include <string_view>

#include "canine/checkpoint/state_dict.hpp"
#include "canine/checkpoint/torch_file.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/core/log.hpp"
#include "canine/model/encoder.hpp"
#include "canine/model/encoder_config.hpp"

namespace canine {
namespace {

constexpr uint64_t kMostConfigBytes = 1 << 20;
constexpr std::string_view kEncoderPrefix = "encoder.";

NamedTensors only_encoder(const NamedTensors& weights) {
  NamedTensors encoder;
  for (const auto& [name, tensor] : weights) {
    if (name.starts_with(kEncoderPrefix)) encoder.emplace_back(name.substr(kEncoderPrefix.size()), tensor);
  }
  return encoder;
}

}  // namespace

EncoderChoice choose_encoder(const ModelSettings& settings) {
  if (!settings.encoder_config.empty()) {
    const std::string path = settings.encoder_config.string();
    return {parse_encoder_config(read_file(path, kMostConfigBytes), "--encoder-config " + path), std::nullopt,
            "random weights"};
  }
  EncoderFolder folder = find_encoder(settings.encoder);
  const std::string where = (folder.folder / "config.json").string();
  const EncoderOptions shape = parse_encoder_config(folder.config_json, where);
  return {shape, folder, folder.folder.string()};
}

MixerOptions mixer_options(const ModelSettings& settings, const EncoderOptions& encoder, const Formatter& formatter,
                           int64_t num_classes, Padding padding) {
  MixerOptions options;
  options.encoder = encoder;
  options.vocabulary_size = formatter.vocabulary_size();
  options.num_classes = num_classes;
  options.dropout = settings.dropout;
  options.decoder_dim_feedforward = settings.decoder_dim_feedforward.value_or(0);
  options.attention = settings.attention;
  options.mask_memory_padding = padding == Padding::kMask;
  return options;
}

Mixer make_model(const MixerOptions& shape, const ModelSettings& settings, const EncoderChoice& encoder,
                 uint64_t seed) {
  const std::string& checkpoint = settings.initial_checkpoint;
  at::manual_seed(seed);
  if (checkpoint.empty()) {
    Mixer model(shape, encoder.pretrained ? InitialValues::kDecoderAndHead : InitialValues::kAll);
    if (encoder.pretrained) {
      load_state_dict(model->encoder(), encoder.pretrained->read_weights(), encoder.pretrained->folder.string());
    }
    return model;
  }
  const NamedTensors weights = tensors_of(read_torch_file(checkpoint).at("model", checkpoint), checkpoint + ": model");
  log_info("Start weights: {} of {}", settings.only_encoder ? "the encoder" : "all", checkpoint);
  Mixer model(shape, settings.only_encoder ? InitialValues::kDecoderAndHead : InitialValues::kNone);
  if (settings.only_encoder) {
    load_state_dict(model->encoder(), only_encoder(weights), checkpoint);
  } else {
    load_state_dict(*model, weights, checkpoint);
  }
  return model;
}

}  // namespace canine
