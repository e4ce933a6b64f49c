#include "canine/exchange/model_content.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>
#include <utility>

#include "canine/checkpoint/run_folder.hpp"
#include "canine/checkpoint/safetensors.hpp"
#include "canine/checkpoint/state_dict.hpp"
#include "canine/checkpoint/torch_file.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/core/json_depth.hpp"
#include "canine/exchange/label_key_text.hpp"
#include "canine/hub/hub_cache.hpp"
#include "companions.hpp"
#include "weight_names.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

/// The file's first four bytes are those of a zip file, which torch.save writes, or of its older pickle.
bool is_torch_file(const fs::path& path) {
  const RandomAccessFile file(path);
  std::array<char, 4> start{};
  file.read(0, std::as_writable_bytes(std::span(start)).first(std::min<uint64_t>(start.size(), file.size())));
  const std::string_view text(start.data(), start.size());
  return text == "PK\x03\x04" || text == "\x80\x02\x8a\x0a";
}

bool holds_only_tensors(const PickleValue& value) {
  const auto* dict = std::get_if<PickleValue::Dict>(&value.variant());
  return dict != nullptr && !dict->items.empty() &&
         std::all_of(dict->items.begin(), dict->items.end(),
                     [](const auto& item) { return std::holds_alternative<at::Tensor>(item.second.variant()); });
}

/// Our own entries of a checkpoint and those of the Python program, apart from the weights.
void read_checkpoint_entries(const PickleValue& value, const std::string& path, ModelContent& content) {
  content.has_optimizer = value.find("optimizer") != nullptr;
  if (const PickleValue* step = value.find("step")) content.step = step->as_int(path + ": step");
  if (const PickleValue* key = value.find("key"); key != nullptr && !key->is_none()) {
    content.key = key_of_value(*key, path + ": key");
  }
  const PickleValue* own = value.find("canine");
  const PickleValue* card = own == nullptr ? nullptr : own->find("card");
  if (card == nullptr || card->as_string(path + ": canine/card").empty()) return;
  content.card = ModelCard::parse(card->as_string(path), path + ": canine/card");
}

ModelContent torch_content(const fs::path& path, const PickleValue& value) {
  const std::string name = path.string();
  ModelContent content;
  content.path = path;
  if (holds_only_tensors(value)) {
    content.format = "state dict";
    content.weights = tensors_of(value, name);
    return content;
  }
  content.format = "checkpoint";
  for (const char* entry : {"model", "state_dict"}) {
    if (const PickleValue* weights = value.find(entry)) {
      content.weights = tensors_of(*weights, name + ": " + entry);
      read_checkpoint_entries(value, name, content);
      return content;
    }
  }
  throw CheckpointError(
      "{}: holds no model: a dict with an entry \"model\" or \"state_dict\", or one of tensors was expected", name);
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

ModelContent file_content(const fs::path& path) {
  return is_torch_file(path) ? torch_content(path, read_torch_file(path)) : safetensors_content(path);
}

/// Weights file of a folder in Hub layout, or nullopt.
std::optional<fs::path> hub_weights(const fs::path& folder) {
  std::error_code ignored;
  for (const std::string_view name : kHubWeights) {
    if (fs::exists(folder / name, ignored)) return folder / name;
  }
  return std::nullopt;
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
  if (const auto weights = hub_weights(folder)) return hub_content(*weights);
  throw UsageError(
      "{}: the folder holds no model: last.bin or <step>.bin (of a run), or model.safetensors or pytorch_model.bin (in "
      "Hub layout) was expected",
      folder.string());
}

}  // namespace

bool is_mixer_config(std::string_view config_json) {
  if (nests_too_deeply(config_json)) return false;  // whoever needs the file refuses it
  const nlohmann::json config = nlohmann::json::parse(config_json, nullptr, /*allow_exceptions=*/false);
  return config.is_object() && config.contains(kMixerConfigKey);
}

bool names_hub_model(const std::string& source) {
  std::error_code ignored;
  return !fs::exists(fs::status(source, ignored)) && std::count(source.begin(), source.end(), '/') == 1 &&
         !source.ends_with(".bin") && !source.ends_with(".safetensors") && parse_hub_name(source);
}

fs::path find_model(const std::string& source) {
  std::error_code error;
  const fs::file_status status = fs::status(source, error);
  if (fs::exists(status)) return source;
  if (status.type() != fs::file_type::not_found) throw UsageError("{}: {}", source, error.message());
  if (!names_hub_model(source)) throw UsageError("{}: there is no such file or folder", source);
  if (const auto folder = find_cached_model(hub_cache_folder(), *parse_hub_name(source))) return *folder;
  throw UsageError(
      "{}: there is no such file or folder, and no such model in the Hub cache ({}). Fetch it with: .venv/bin/hf "
      "download {}",
      source, hub_cache_folder().string(), source);
}

ModelContent read_model_content(const std::string& source) {
  const fs::path path = find_model(source);
  ModelContent content = fs::is_directory(path)                     ? folder_content(path)
                         : is_hub_weights(path.filename().string()) ? hub_content(path)
                                                                    : file_content(path);
  if (content.weights.empty()) throw CheckpointError("{}: holds no tensors", content.path.string());
  content.type = recognise(content.weights);
  return content;
}

}  // namespace canine
