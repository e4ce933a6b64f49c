#pragma once

#include <filesystem>
#include <string>

#include "canine/checkpoint/named_tensors.hpp"

namespace canine {

/// A folder with weights and config.json of a CANINE encoder in Hugging Face layout.
struct EncoderFolder {
  std::filesystem::path folder;

  /// The encoder's tensors of its weights (model.safetensors or pytorch_model.bin, whole or in several files with an
  /// index) under the names of transformers.CanineModel, whatever prefixes the files have (encoder_weights). Tensors of
  /// heads and position_ids are left out. Throws CheckpointError if there are none.
  NamedTensors read_weights() const;
};

/// Text of a folder's config.json, whatever else is there. Throws UsageError if it is absent, CheckpointError if only a
/// stand-in of it is there (core/stand_in.hpp).
std::string read_encoder_config(const std::filesystem::path& folder);

/// A folder that holds config.json and weights. Throws UsageError naming what it lacks, and weights in other forms that
/// it has; CheckpointError where the first bytes of a file of weights tell that it holds none (a Git LFS pointer).
EncoderFolder find_encoder(const std::filesystem::path& folder);

}  // namespace canine
