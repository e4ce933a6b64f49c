#include "canine/exchange/write_model.hpp"

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "canine/checkpoint/safetensors.hpp"
#include "canine/checkpoint/state_dict.hpp"
#include "canine/checkpoint/torch_file.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/core/new_folder.hpp"
#include "canine/exchange/label_key_text.hpp"
#include "canine/hub/hub_cache.hpp"
#include "canine/model/encoder_config.hpp"
#include "canine/text/make_formatter.hpp"
#include "companions.hpp"
#include "model_shape.hpp"
#include "weight_names.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;
using Metadata = std::map<std::string, std::string>;

/// What libraries of Hugging Face ask of the files they load.
const Metadata kHubMetadata = {{"format", "pt"}};

/// The weights under the names that the Python program has for them.
NamedTensors weights_of(const ModelContent& content) {
  return content.type ? python_names(mixer_weights(content), *content.type) : content.weights;
}

/// Arguments of the Python package's constructors: add_PyTorchModelHubMixin_to_model.py.
std::string hub_config(const ModelContent& content) {
  const MixerOptions shape = shape_of(mixer_weights(content), content.path.string());
  nlohmann::ordered_json config;
  config[kMixerConfigKey] = "Multilingual_CANINE";
  config["dropout_rate"] = 0;
  if (shape.num_classes > 0) config["n_classes"] = config["num_classes_flat"] = shape.num_classes;
  if (shape.vocabulary_size > 0) {
    // Its length is that of a label sequence, its maximum + 1 the vocabulary.
    const int64_t length = make_formatter(content.card->formatter)->layout().sequence_length();
    config["num_classes"] = std::vector<int64_t>(static_cast<size_t>(length), shape.vocabulary_size - 1);
    if (shape.decoder_dim_feedforward != shape.encoder.hidden_size) {
      config["decoder_dim_feedforward"] = shape.decoder_dim_feedforward;
    }
  }
  switch (*content.type) {
    case ModelType::kMixer:
      config["model_type"] = "seq2seq_mixer";
      break;
    case ModelType::kSeq2Seq:
      config["model_type"] = "seq2seq";
      break;
    case ModelType::kFlat:
      config["model_type"] = "canine";
      break;
  }
  return config.dump(2) + "\n";
}

/// Takes away what an earlier export would say of the new one, config.json first: without it the folder is no model.
void remove_former(const fs::path& folder) {
  for (const std::string_view former : {kHubConfig, kHubKey, kHubCard}) fs::remove(folder / former);
}

}  // namespace

void write_checkpoint(const fs::path& path, const ModelContent& content) {
  PickleValue::Dict dict;
  dict.items.emplace_back("model", state_dict_value(weights_of(content)));
  dict.items.emplace_back("step", content.step.value_or(0));
  dict.items.emplace_back("key", content.key ? to_value(*content.key) : PickleValue());
  if (content.card) dict.items.emplace_back("canine", PickleValue::Dict{{{"card", content.card->to_json()}}, false});
  write_torch_file(path, dict);
}

void write_safetensors_model(const fs::path& path, const ModelContent& content) {
  Metadata metadata = kHubMetadata;
  if (content.card) metadata[std::string(kCardMetadata)] = content.card->to_json();
  if (content.key) metadata[std::string(kKeyMetadata)] = to_json(*content.key);
  write_safetensors(path, weights_of(content), metadata);
}

void write_hub_folder(const fs::path& folder, const ModelContent& content) {
  if (!content.type || !content.card) throw InternalError("{}: a Hub folder needs type and card", folder.string());
  const std::string config = hub_config(content);
  const NewFolder made(folder);
  remove_former(folder);
  write_safetensors(folder / kHubWeights[0], weights_of(content), kHubMetadata);
  if (content.key) write_file(folder / kHubKey, to_json(*content.key));
  write_file(folder / kHubCard, content.card->to_json());
  write_file(folder / kHubConfig, config);
}

void write_encoder_folder(const fs::path& folder, const ModelContent& content, const EncoderOptions& encoder) {
  const NewFolder made(folder);
  remove_former(folder);
  write_safetensors(folder / kHubWeights[0], part_of(encoder_weights(content.weights), "encoder."), kHubMetadata);
  write_file(folder / kHubConfig, encoder_config_json(encoder));
}

}  // namespace canine
