#include "canine/app/model_setup.hpp"

#include <ATen/Context.h>

#include "canine/app/hub_model.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/exchange/start_weights.hpp"
#include "canine/model/encoder.hpp"
#include "canine/model/encoder_config.hpp"

namespace canine {
namespace {

constexpr uint64_t kMostConfigBytes = 1 << 20;

}  // namespace

EncoderChoice choose_encoder(const ModelSettings& settings, Job& job) {
  if (!settings.encoder_config.empty()) {
    const std::string path = settings.encoder_config.string();
    return {parse_encoder_config(read_file(path, kMostConfigBytes), "--encoder-config " + path), std::nullopt,
            "random weights"};
  }
  EncoderFolder folder = find_encoder(find_model_folder("encoder", settings.encoder, job));
  const std::string where = (folder.folder / "config.json").string();
  const EncoderOptions shape = parse_encoder_config(folder.config_json, where);
  return {shape, folder, folder.folder.string()};
}

std::string find_start_weights(const ModelSettings& settings, Job& job) {
  if (settings.initial_checkpoint.empty()) return "";
  const std::string source = start_weights_source(settings.initial_checkpoint);
  if (!names_hub_model(source)) return source;
  return find_model_folder("initial-checkpoint", source, job).string();
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
  const StartWeights weights(checkpoint, settings.only_encoder);
  Mixer model(shape, weights.complete() ? InitialValues::kNone : InitialValues::kDecoderAndHead);
  weights.load_into(model);
  return model;
}

}  // namespace canine
