#pragma once

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace canine {

/// One tensor of a safetensors header.
struct SafetensorsEntry {
  std::string name;
  c10::ScalarType type = c10::ScalarType::Undefined;
  std::vector<int64_t> sizes;
  uint64_t begin = 0;  ///< byte range in the data section
  uint64_t end = 0;
};

/// Checks the JSON header of a safetensors file with `data_bytes` of data behind it and returns its tensors in the
/// order of their data. `file` names the file in messages. Throws CheckpointError.
std::vector<SafetensorsEntry> parse_safetensors_header(std::string_view json, uint64_t data_bytes,
                                                       const std::string& file);

/// The format's name of a type ("F32"). Throws CheckpointError for a type it does not have.
std::string_view safetensors_type_name(c10::ScalarType type);

}  // namespace canine
