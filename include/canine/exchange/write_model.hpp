#pragma once

#include <filesystem>

#include "canine/exchange/model_content.hpp"

namespace canine {

// Writers of models. Tensors are written as they are, bit by bit; weights of a flat model under the Python program's
// names. Each file appears whole or not at all. They replace what is there: whoever calls asks first.

/// {model, step, key} of torch.save, which the Python program takes as --initial-checkpoint and --checkpoint, and the
/// card, if there is one, as its further entry "canine".
void write_checkpoint(const std::filesystem::path& path, const ModelContent& content);

/// The weights; card and key as metadata.
void write_safetensors_model(const std::filesystem::path& path, const ModelContent& content);

/// A folder as the Python package's loader takes it (PyTorchModelHubMixin): config.json with the constructor's
/// arguments, model.safetensors, key.json of a general-purpose system, and canine.json with the card, which the Python
/// package passes over. config.json comes last, so a folder that has one is whole. Needs type and card.
void write_hub_folder(const std::filesystem::path& folder, const ModelContent& content);

/// A folder in the layout of google/canine-s (config.json, model.safetensors) of the content's encoder alone, which
/// --encoder and transformers.CanineModel take.
void write_encoder_folder(const std::filesystem::path& folder, const ModelContent& content,
                          const EncoderOptions& encoder);

}  // namespace canine
