#pragma once

#include <filesystem>
#include <string>

#include "canine/checkpoint/named_tensors.hpp"

namespace canine {

/// Weights and config.json of a CANINE encoder in Hugging Face layout.
struct EncoderFolder {
  std::filesystem::path folder;
  std::string config_json;  ///< text of config.json

  /// Tensors of model.safetensors, else pytorch_model.bin, without position_ids. Where names begin with "canine." (a
  /// model with a head) that is removed, and tensors without it, which belong to the head, are left out.
  NamedTensors read_weights() const;
};

/// Finds `name_or_dir`: a folder that holds config.json and weights, or a Hub name ("google/canine-s") in the local Hub
/// cache (refs/main, else the newest snapshot). Throws UsageError that names the places looked at and the command that
/// fetches it.
EncoderFolder find_encoder(const std::string& name_or_dir);

/// Folder of the local Hub cache by the rules of huggingface_hub: HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME/hub,
/// XDG_CACHE_HOME/huggingface/hub, ~/.cache/huggingface/hub.
std::filesystem::path hub_cache_folder();

}  // namespace canine
