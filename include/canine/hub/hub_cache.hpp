#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace canine {

/// A model of the Hugging Face Hub, written as "owner/model" or "model", where a branch, tag or commit may follow
/// ("owner/model@v2").
struct HubName {
  std::string repository;
  std::string revision = "main";
};

/// nullopt if the Hub allows no such name. So a name never leads out of the cache folder or to another address.
std::optional<HubName> parse_hub_name(std::string_view text);

/// Files of a model that are looked for and downloaded: config.json, the first of the weights files that there is (of
/// an index also the files that it names, hub/weight_index.hpp), and what else the repository has of key.json (codes of
/// a mixer) and canine.json (what this project knows of it).
inline constexpr std::string_view kHubConfig = "config.json";
inline constexpr std::string_view kHubWeights[] = {"model.safetensors", "model.safetensors.index.json",
                                                   "pytorch_model.bin", "pytorch_model.bin.index.json"};
inline constexpr std::string_view kHubKey = "key.json";
inline constexpr std::string_view kHubCard = "canine.json";

/// Whether a file of this name is a weights file of such a model, or the index of several.
bool is_hub_weights(std::string_view file_name);

/// How much of a model is wanted.
enum class HubFiles {
  kModel,   ///< all of the above
  kConfig,  ///< config.json, which gives the shape of an encoder
};

/// Folder of the Hub's own files by the rules of huggingface_hub: HF_HOME, XDG_CACHE_HOME/huggingface,
/// ~/.cache/huggingface.
std::filesystem::path hub_home();

/// Folder of the local Hub cache by the rules of huggingface_hub: HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, hub_home()/hub.
std::filesystem::path hub_cache_folder();

/// Folder of a model in the cache (models--owner--model, with blobs/, refs/ and snapshots/).
std::filesystem::path hub_model_folder(const std::filesystem::path& cache, const HubName& name);

/// What is wrong with the files of a model that is in the cache and yet not whole, for people: links whose files are
/// gone. "" if nothing is, or nothing is there.
std::string damage_in_cache(const std::filesystem::path& cache, const HubName& name);

/// Snapshot of a cached model that holds config.json and, unless only that is wanted, weights: that of the revision;
/// for "main" also the newest other one. Asks no server whether there is something newer.
std::optional<std::filesystem::path> find_cached_model(const std::filesystem::path& cache, const HubName& name,
                                                       HubFiles files = HubFiles::kModel);

}  // namespace canine
