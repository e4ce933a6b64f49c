#include "canine/exchange/model_files.hpp"

#include <algorithm>
#include <string>
#include <string_view>

#include "canine/checkpoint/run_folder.hpp"
#include "canine/core/output_path.hpp"
#include "canine/hub/hub_cache.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

/// What folders of models hold besides their weights, in Hub layout.
constexpr std::string_view kHubNames[] = {kHubConfig,
                                          kHubKey,
                                          kHubCard,
                                          "model.safetensors.index.json",
                                          "pytorch_model.bin.index.json",
                                          "generation_config.json",
                                          "preprocessor_config.json",
                                          "special_tokens_map.json",
                                          "tokenizer.json",
                                          "tokenizer_config.json",
                                          "tf_model.h5",
                                          "flax_model.msgpack"};

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(path, ignored));
}

bool holds_model(const fs::path& folder) {
  const auto has = [&](std::string_view name) { return is_there(folder / name); };
  return RunFolder::has_checkpoint(folder) || has("checkpoints.json") || has("prepared.json") ||
         (has("data_train.csv") && has("key.csv")) || std::ranges::any_of(kHubWeights, has) ||
         has("model.safetensors.index.json") || has("pytorch_model.bin.index.json");
}

/// "model-00001-of-00002.safetensors", "pytorch_model.fp16.bin": a part or a variant of weights.
bool names_weights(std::string_view name) {
  return (name.starts_with("model") || name.starts_with("pytorch_model")) &&
         (name.ends_with(".safetensors") || name.ends_with(".bin"));
}

bool belongs(const fs::path& file) {
  const std::string name = file.filename().string();
  const bool known =
      RunFolder::is_run_file(name) || names_weights(name) || std::ranges::find(kHubNames, name) != std::end(kHubNames);
  return known && holds_model(file.has_parent_path() ? file.parent_path() : fs::path("."));
}

}  // namespace

bool belongs_to_model(const fs::path& file) { return belongs(file) || belongs(find_output_place(file).file); }

}  // namespace canine
