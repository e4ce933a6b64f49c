#include "canine/hub/weight_index.hpp"

#include <nlohmann/json.hpp>
#include <set>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/core/json_depth.hpp"
#include "canine/core/stand_in.hpp"
#include "plain_name.hpp"

namespace canine {
namespace {

constexpr uint64_t kMostBytes = uint64_t{64} << 20;
constexpr size_t kMostFiles = 1000;

bool is_weights_name(const std::string& name) {
  return is_plain_name(name) && (name.ends_with(".safetensors") || name.ends_with(".bin"));
}

}  // namespace

std::vector<std::string> WeightIndex::files() const {
  std::set<std::string> names;
  for (const auto& [tensor, file] : file_of) names.insert(file);
  return {names.begin(), names.end()};
}

WeightIndex WeightIndex::parse(std::string_view json, const std::string& source) {
  refuse_deep_json<CheckpointError>(json, source);
  const auto root = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  const auto map = root.is_object() ? root.find("weight_map") : root.end();
  if (!root.is_object() || map == root.end() || !map->is_object() || map->empty()) {
    throw CheckpointError("{}: expected JSON with an entry \"weight_map\" that gives the file of each tensor", source);
  }
  WeightIndex index;
  for (const auto& [tensor, file] : map->items()) {
    if (!file.is_string() || !is_weights_name(file.get_ref<const std::string&>())) {
      throw CheckpointError("{}: the tensor '{}' must lie in a .safetensors or .bin file beside the index, not in {}",
                            source, tensor, file.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace));
    }
    index.file_of.emplace(tensor, file.get<std::string>());
  }
  if (const size_t found = index.files().size(); found > kMostFiles) {
    throw CheckpointError("{}: {} files of weights, at most {} are accepted", source, found, kMostFiles);
  }
  return index;
}

WeightIndex WeightIndex::read(const std::filesystem::path& path) {
  if (const std::string why = stand_in(path); !why.empty()) throw CheckpointError("{}: {}", path.string(), why);
  return parse(read_file(path, kMostBytes), path.string());
}

bool is_weight_index(std::string_view file_name) { return file_name.ends_with(".index.json"); }

}  // namespace canine
