#pragma once

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <map>
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

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;        ///< in the order of their data
  std::map<std::string, std::string> metadata;  ///< "__metadata__"
};

/// Checks the JSON header of a safetensors file with `data_bytes` of data behind it. `file` names the file in messages.
/// Throws CheckpointError.
SafetensorsHeader parse_safetensors_header(std::string_view json, uint64_t data_bytes, const std::string& file);

/// The format's name of a type ("F32"). Throws CheckpointError for a type it does not have.
std::string_view safetensors_type_name(c10::ScalarType type);

}  // namespace canine
