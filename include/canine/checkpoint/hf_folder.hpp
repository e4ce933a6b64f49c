#pragma once

#include <filesystem>
#include <string>

#include "canine/checkpoint/named_tensors.hpp"

namespace canine {

/// A folder with weights and config.json of a CANINE encoder in Hugging Face layout.
struct EncoderFolder {
  std::filesystem::path folder;

  /// Tensors of model.safetensors, else pytorch_model.bin, without position_ids. Where names begin with "canine." (a
  /// model with a head) that is removed, and tensors without it, which belong to the head, are left out.
  NamedTensors read_weights() const;
};

/// Text of a folder's config.json, whatever else is there. Throws UsageError if it is absent.
std::string read_encoder_config(const std::filesystem::path& folder);

/// A folder that holds config.json and weights. Throws UsageError naming what it lacks.
EncoderFolder find_encoder(const std::filesystem::path& folder);

}  // namespace canine
