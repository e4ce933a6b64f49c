#include "canine/exchange/load_model.hpp"

#include <utility>

#include "canine/model/encoder.hpp"
#include "model_shape.hpp"
#include "weight_names.hpp"

namespace canine {

LoadedModel load_model(const std::string& source, const ModelOverrides& overrides) {
  const ModelContent content = read_model_content(source);
  ModelDescription description = describe_model(content, overrides);
  const NamedTensors weights = mixer_weights(content);
  MixerOptions options = shape_of(weights, content.path.string());
  options.encoder = description.card.encoder;
  options.attention = overrides.attention;
  options.mask_memory_padding = description.card.padding == Padding::kMask;
  LoadedModel loaded;
  loaded.model = Mixer(options, InitialValues::kNone);
  load_state_dict(*loaded.model, weights, content.path.string());
  loaded.model->eval();
  loaded.card = std::move(description.card);
  loaded.has_card = description.has_card;
  loaded.codes = std::move(description.codes);
  loaded.path = content.path;
  loaded.step = content.step;
  return loaded;
}

void check_weights(const ModelContent& content) {
  const std::string source = content.path.string();
  const NamedTensors weights = mixer_weights(content);
  MixerOptions options = shape_of(weights, source);
  options.encoder.num_attention_heads = 1;  // in whatever number, weights have the same shapes
  if (content.type) {
    Mixer model(options, InitialValues::kNone);
    load_state_dict(*model, weights, source);
  } else {
    options.encoder.validate();
    CanineEncoderImpl encoder(options.encoder, options.attention);
    load_state_dict(encoder, part_of(weights, "encoder."), source);
  }
}

}  // namespace canine
