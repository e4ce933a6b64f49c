#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace canine {

/// Where the tensors of a model lie whose weights are in several files: what model.safetensors.index.json and
/// pytorch_model.bin.index.json say.
struct WeightIndex {
  std::map<std::string, std::string> file_of;  ///< file of each tensor; plain names, of files beside the index

  /// The files, each once, sorted.
  std::vector<std::string> files() const;

  /// Throws CheckpointError naming `source` unless the text is such an index, whose names lead to no other folder.
  static WeightIndex parse(std::string_view json, const std::string& source);

  /// The same from a file. Also throws IoError.
  static WeightIndex read(const std::filesystem::path& path);
};

/// Whether a file of this name is such an index.
bool is_weight_index(std::string_view file_name);

}  // namespace canine
