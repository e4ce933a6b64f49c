#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "canine/checkpoint/named_tensors.hpp"

namespace canine {

// The files in which weights lie, and those that look as if they did.

/// Weights file, or index of several, of a folder in Hub layout; nullopt if there is none. Throws CheckpointError if
/// only a link that leads nowhere is there.
std::optional<std::filesystem::path> find_hub_weights(const std::filesystem::path& folder);

/// Looks for what refuse_other_weights refuses in the weights that find_hub_weights has found, in all files if they are
/// an index, without reading more than the first bytes. Throws CheckpointError also for files that are missing.
void check_hub_weights(const std::filesystem::path& weights);

/// The tensors of all files that an index names. Throws CheckpointError naming a tensor or a file that is missing or
/// one too many; IoError.
NamedTensors read_weights_in_parts(const std::filesystem::path& index);

/// Names of files in the folder that hold weights in a form that is not read here, and what to do with them: "; it has
/// model.fp16.safetensors, ...". "" if there are none.
std::string other_weights(const std::filesystem::path& folder);

/// Throws CheckpointError saying what the file is, and what to do, where its first bytes or its name tell that it holds
/// no whole weights: a Git LFS pointer, a web page, a file of TensorFlow, one of several parts.
void refuse_other_weights(const std::filesystem::path& path);

/// Whether the file's first bytes are those of torch.save, in its present or its former format.
bool is_torch_file(const std::filesystem::path& path);

}  // namespace canine
