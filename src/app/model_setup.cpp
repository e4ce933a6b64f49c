#include "canine/app/model_setup.hpp"

#include <ATen/Context.h>

#include "canine/app/hub_model.hpp"
#include "canine/core/errors.hpp"
#include "canine/model/encoder.hpp"
#include "canine/model/encoder_config.hpp"

namespace canine {

namespace {

void check_max_len(const EncoderOptions& encoder, const std::string& source, int64_t max_len) {
  const int64_t most = encoder.num_hash_buckets;  // rows of its table of positions
  if (max_len <= most) return;
  throw UsageError("--max-len {}: the encoder of {} takes texts of {} characters at most", max_len, source, most);
}

}  // namespace

EncoderChoice choose_encoder(const ModelSettings& settings, int64_t max_len, bool resuming, Job& job) {
  if (!settings.encoder_config.empty()) {
    const std::string path = settings.encoder_config.string();
    const EncoderOptions shape = load_encoder_config(path, "--encoder-config " + path);
    check_max_len(shape, path, max_len);
    return {shape, std::nullopt, "random weights"};
  }
  const auto shape_in = [&](const std::filesystem::path& folder) {
    const std::string config = read_encoder_config(folder);
    if (is_mixer_config(config)) {
      throw UsageError(
          "--encoder {}: this is a trained model, not an encoder alone; to start from its encoder give "
          "--initial-checkpoint {} --only-encoder",
          settings.encoder, settings.encoder);
    }
    const EncoderOptions shape = parse_encoder_config(config, (folder / "config.json").string());
    check_max_len(shape, folder.string(), max_len);
    return shape;
  };
  // The shape alone first: what it does not allow is refused before weights are downloaded.
  auto folder = find_model_folder("encoder", settings.encoder, job, HubFiles::kConfig);
  const EncoderOptions shape = shape_in(folder);
  if (resuming || !settings.initial_checkpoint.empty()) return {shape, std::nullopt, folder.string()};
  folder = find_model_folder("encoder", settings.encoder, job, HubFiles::kModel);
  return {shape_in(folder), find_encoder(folder), folder.string()};
}

std::optional<StartWeights> find_start_weights(const ModelSettings& settings, const FormatterOptions& formatter,
                                               Job& job) {
  if (settings.initial_checkpoint.empty()) return std::nullopt;
  const std::string source = start_weights_source(settings.initial_checkpoint);
  StartWeights weights(find_model_path("initial-checkpoint", source, job).string(), settings.only_encoder);
  weights.require_codes(formatter);
  return weights;
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

Mixer make_model(const MixerOptions& shape, const EncoderChoice& encoder, const StartWeights* start,
                 const LabelKey* key, uint64_t seed) {
  at::manual_seed(seed);
  if (start != nullptr) {
    Mixer model(shape, start->complete() ? InitialValues::kNone : InitialValues::kDecoderAndHead);
    start->load_into(model, key);
    return model;
  }
  Mixer model(shape, encoder.pretrained ? InitialValues::kDecoderAndHead : InitialValues::kAll);
  if (encoder.pretrained) {
    load_state_dict(model->encoder(), encoder.pretrained->read_weights(), encoder.pretrained->folder.string());
  }
  return model;
}

}  // namespace canine
