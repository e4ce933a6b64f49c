#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "canine/checkpoint/named_tensors.hpp"

namespace canine {

/// Reads a safetensors file (https://github.com/huggingface/safetensors, format of 0.5) into CPU tensors aligned to 64
/// bytes, in the order of their data. Refuses with CheckpointError, before any allocation, a header that is too long,
/// not UTF-8 JSON, names a key twice, an unknown dtype, or ranges that do not tile the data exactly.
NamedTensors read_safetensors(const std::filesystem::path& path);

/// Entry "__metadata__" of the header of such a file, with the same checks.
std::map<std::string, std::string> read_safetensors_metadata(const std::filesystem::path& path);

/// Writes tensors (made contiguous on the CPU) in the given order, atomically. `metadata` goes to "__metadata__".
void write_safetensors(const std::filesystem::path& path, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace canine
