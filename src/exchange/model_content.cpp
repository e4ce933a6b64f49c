#include "canine/exchange/model_content.hpp"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "canine/checkpoint/run_folder.hpp"
#include "canine/checkpoint/safetensors.hpp"
#include "canine/checkpoint/state_dict.hpp"
#include "canine/checkpoint/torch_file.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/json_depth.hpp"
#include "canine/core/log.hpp"
#include "canine/core/stand_in.hpp"
#include "canine/exchange/label_key_text.hpp"
#include "canine/exchange/wrapped_names.hpp"
#include "canine/hub/hub_cache.hpp"
#include "canine/hub/weight_index.hpp"
#include "companions.hpp"
#include "weight_names.hpp"
#include "weights_files.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

/// Entries under which programs keep the weights of a model.
constexpr const char* kWeightEntries[] = {"model", "state_dict", "model_state_dict", "module"};

const PickleValue::Dict* as_dict(const PickleValue& value) { return std::get_if<PickleValue::Dict>(&value.variant()); }

bool is_tensor(const std::pair<PickleValue, PickleValue>& item) {
  return std::holds_alternative<at::Tensor>(item.second.variant());
}

bool holds_tensors(const PickleValue& value) {
  return as_dict(value) != nullptr && std::ranges::any_of(as_dict(value)->items, is_tensor);
}

/// The tensors of a dict that are its own entries, perhaps among others such as an epoch, which are left out.
NamedTensors tensors_among(const PickleValue::Dict& dict, const std::string& name) {
  PickleValue::Dict tensors;
  std::ranges::copy_if(dict.items, std::back_inserter(tensors.items), is_tensor);
  if (const size_t others = dict.items.size() - tensors.items.size(); others > 0) {
    log_note("{}: {} of its {} entries are no tensors and are left out", name, others, dict.items.size());
  }
  return tensors_of(tensors, name);
}

/// Our own entries of a checkpoint and those of the Python program, apart from the weights.
void read_checkpoint_entries(const PickleValue& value, const std::string& path, ModelContent& content) {
  for (const char* entry : {"optimizer", "optimizer_state_dict", "optimizer_states"}) {
    content.has_optimizer = content.has_optimizer || value.find(entry) != nullptr;
  }
  for (const char* entry : {"global_step", "step"}) {
    const PickleValue* step = value.find(entry);
    if (step != nullptr && std::holds_alternative<int64_t>(step->variant())) content.step = step->as_int(path);
  }
  if (const PickleValue* key = value.find("key"); key != nullptr && !key->is_none()) {
    content.key = key_of_value(*key, path + ": key");
  }
  const PickleValue* own = value.find("canine");
  const PickleValue* card = own == nullptr ? nullptr : own->find("card");
  if (card == nullptr || card->as_string(path + ": canine/card").empty()) return;
  content.card = ModelCard::parse(card->as_string(path), path + ": canine/card");
}

/// A dict of tensors within a checkpoint, and the names of the entries that lead to it.
struct StoredWeights {
  const PickleValue* value = nullptr;
  std::string path;
};

/// Under the names that programs give the entry, also where one lies in another.
StoredWeights find_weights(const PickleValue& value, int depth = 0) {
  constexpr int kMostEntries = 3;
  if (as_dict(value) == nullptr || depth == kMostEntries) return {};
  for (const char* entry : kWeightEntries) {
    const PickleValue* found = value.find(entry);
    if (found == nullptr) continue;
    if (holds_tensors(*found)) return {found, entry};
    if (StoredWeights inner = find_weights(*found, depth + 1); inner.value != nullptr) {
      inner.path = std::string(entry) + "/" + inner.path;
      return inner;
    }
  }
  return {};
}

/// The name of the class where a Python object was saved instead of its tensors, else "".
std::string saved_object(const PickleValue& value) {
  if (const auto* object = std::get_if<PickleValue::Opaque>(&value.variant())) return object->name;
  for (const char* entry : kWeightEntries) {
    const PickleValue* found = as_dict(value) == nullptr ? nullptr : value.find(entry);
    if (found == nullptr) continue;
    if (const auto* object = std::get_if<PickleValue::Opaque>(&found->variant())) return object->name;
  }
  return "";
}

[[noreturn]] void refuse_without_weights(const PickleValue& value, const std::string& name) {
  if (const std::string object = saved_object(value); !object.empty()) {
    throw CheckpointError(
        "{}: holds a Python object ({}), which is not executed here, instead of tensors; in Python save "
        "{{'model': model.state_dict()}} with torch.save",
        name, object);
  }
  throw CheckpointError(
      "{}: holds no model: a dict with an entry \"model\", \"state_dict\" or \"model_state_dict\", or one of tensors "
      "was expected",
      name);
}

ModelContent torch_content(const fs::path& path, const PickleValue& value) {
  const std::string name = path.string();
  ModelContent content;
  content.path = path;
  const StoredWeights weights = find_weights(value);
  if (weights.value == nullptr) {
    if (!holds_tensors(value)) refuse_without_weights(value, name);
    content.format = "state dict";
    content.weights = tensors_among(*as_dict(value), name);
    return content;
  }
  content.format = "checkpoint";
  content.weights = tensors_of(*weights.value, name + ": " + weights.path);
  read_checkpoint_entries(value, name, content);
  return content;
}

ModelContent safetensors_content(const fs::path& path) {
  ModelContent content;
  content.path = path;
  content.format = "safetensors";
  content.weights = read_safetensors(path);
  const std::string where = path.string() + ": __metadata__/";
  for (const auto& [name, text] : read_safetensors_metadata(path)) {
    if (name == kCardMetadata) content.card = ModelCard::parse(text, where + name);
    if (name == kKeyMetadata) content.key = key_of_json(text, where + name);
  }
  return content;
}

ModelContent parts_content(const fs::path& index) {
  ModelContent content;
  content.path = index;
  content.format = "weights in several files";
  content.weights = read_weights_in_parts(index);
  return content;
}

ModelContent file_content(const fs::path& path) {
  if (is_weight_index(path.filename().string())) return parts_content(path);
  refuse_other_weights(path);
  return is_torch_file(path) ? torch_content(path, read_torch_file(path)) : safetensors_content(path);
}

/// Adds key.json and canine.json, which lie beside the weights.
ModelContent hub_content(const fs::path& weights) {
  ModelContent content = file_content(weights);
  content.format = "Hub folder, " + weights.filename().string();
  const fs::path folder = weights.parent_path();
  if (!content.key) content.key = read_key_json(folder);
  if (!content.card) content.card = read_card_json(folder);
  return content;
}

ModelContent folder_content(const fs::path& folder) {
  if (const auto found = RunFolder::find_newest(folder)) {
    ModelContent content = torch_content(found->path, found->content);
    content.format = "run folder, " + found->path.filename().string();
    return content;
  }
  if (const auto weights = find_hub_weights(folder)) return hub_content(*weights);
  throw UsageError(
      "{}: the folder holds no model: last.bin or <step>.bin (of a run), or model.safetensors or pytorch_model.bin (in "
      "Hub layout) was expected{}",
      folder.string(), other_weights(folder));
}

}  // namespace

bool is_mixer_config(std::string_view config_json) {
  if (nests_too_deeply(config_json)) return false;  // whoever needs the file refuses it
  const nlohmann::json config = nlohmann::json::parse(config_json, nullptr, /*allow_exceptions=*/false);
  return config.is_object() && config.contains(kMixerConfigKey);
}

namespace {

/// No model of the Hub is called so, but many a mistyped path is.
bool names_weights_file(const std::string& source) {
  constexpr std::string_view kEndings[] = {".bin", ".safetensors", ".pt", ".pth", ".ckpt", ".pkl", ".h5", ".json"};
  return std::ranges::any_of(kEndings, [&](std::string_view ending) { return source.ends_with(ending); });
}

}  // namespace

bool names_hub_model(const std::string& source) {
  std::error_code ignored;
  return !fs::exists(fs::status(source, ignored)) && std::count(source.begin(), source.end(), '/') == 1 &&
         !names_weights_file(source) && parse_hub_name(source);
}

fs::path find_model(const std::string& source) {
  std::error_code error;
  const fs::file_status status = fs::status(source, error);
  if (fs::exists(status)) return source;
  if (status.type() != fs::file_type::not_found) throw UsageError("{}: {}", source, error.message());
  if (const std::string why = stand_in(source); !why.empty()) throw UsageError("{}: {}", source, why);
  if (!names_hub_model(source)) throw UsageError("{}: there is no such file or folder", source);
  if (const auto folder = find_cached_model(hub_cache_folder(), *parse_hub_name(source))) return *folder;
  const std::string damage = damage_in_cache(hub_cache_folder(), *parse_hub_name(source));
  throw UsageError(
      "{}: there is no such file or folder, and no such model in the Hub cache ({}). Fetch it with: .venv/bin/hf "
      "download {}",
      source, damage.empty() ? hub_cache_folder().string() : damage, source);
}

ModelContent read_model_content(const std::string& source) {
  const fs::path path = find_model(source);
  ModelContent content = fs::is_directory(path)                     ? folder_content(path)
                         : is_hub_weights(path.filename().string()) ? hub_content(path)
                                                                    : file_content(path);
  if (content.weights.empty()) throw CheckpointError("{}: holds no tensors", content.path.string());
  content.weights = unwrapped(content.weights, content.path.string());
  content.type = recognise(content.weights);
  return content;
}

}  // namespace canine
