#include "canine/app/model_setup.hpp"

#include <ATen/Context.h>

#include "canine/app/hub_model.hpp"
#include "canine/core/errors.hpp"
#include "canine/exchange/start_weights.hpp"
#include "canine/model/encoder.hpp"
#include "canine/model/encoder_config.hpp"

namespace canine {

EncoderChoice choose_encoder(const ModelSettings& settings, bool resuming, Job& job) {
  if (!settings.encoder_config.empty()) {
    const std::string path = settings.encoder_config.string();
    return {load_encoder_config(path, "--encoder-config " + path), std::nullopt, "random weights"};
  }
  const bool only_shape = resuming || !settings.initial_checkpoint.empty();
  const auto folder =
      find_model_folder("encoder", settings.encoder, job, only_shape ? HubFiles::kConfig : HubFiles::kModel);
  const std::string config = read_encoder_config(folder);
  if (is_mixer_config(config)) {
    throw UsageError(
        "--encoder {}: this is a trained model, not an encoder alone; to start from its encoder give "
        "--initial-checkpoint {} --only-encoder",
        settings.encoder, settings.encoder);
  }
  const EncoderOptions shape = parse_encoder_config(config, (folder / "config.json").string());
  if (only_shape) return {shape, std::nullopt, folder.string()};
  return {shape, find_encoder(folder), folder.string()};
}

void check_max_len(const EncoderChoice& encoder, int64_t max_len) {
  const int64_t most = encoder.shape.num_hash_buckets;  // rows of its table of positions
  if (max_len <= most) return;
  throw UsageError("--max-len {}: the encoder ({}) takes texts of {} characters at most", max_len, encoder.description,
                   most);
}

std::string find_start_weights(const ModelSettings& settings, Job& job) {
  if (settings.initial_checkpoint.empty()) return "";
  return find_model_path("initial-checkpoint", start_weights_source(settings.initial_checkpoint), job).string();
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
