#include "canine/exchange/encoder_folder.hpp"

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/core/stand_in.hpp"
#include "canine/exchange/model_content.hpp"
#include "canine/hub/hub_cache.hpp"
#include "weight_names.hpp"
#include "weights_files.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxConfigBytes = uint64_t{1} << 20;

UsageError lacking(const fs::path& folder, const std::string& file) {
  return UsageError("the folder {} has no {}; a folder in Hugging Face layout was expected{}", folder.string(), file,
                    other_weights(folder));
}

void require_config(const fs::path& folder) {
  const fs::path path = folder / kHubConfig;
  if (const std::string why = stand_in(path); !why.empty()) throw CheckpointError("{}: {}", path.string(), why);
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) throw lacking(folder, std::string(kHubConfig));
}

}  // namespace

NamedTensors EncoderFolder::read_weights() const {
  const auto path = find_hub_weights(folder);
  if (!path) throw lacking(folder, "weights any more");
  const ModelContent content = read_model_content(path->string());
  NamedTensors weights = part_of(encoder_weights(content.weights), "encoder.");
  if (weights.empty()) {
    throw CheckpointError("{}: none of its {} tensors belongs to a CANINE encoder ('{}', ...)", path->string(),
                          content.weights.size(), content.weights.front().first);
  }
  return weights;
}

EncoderFolder find_encoder(const fs::path& folder) {
  require_config(folder);
  const auto weights = find_hub_weights(folder);
  if (!weights) throw lacking(folder, fmt::format("{} or {}", kHubWeights[0], kHubWeights[2]));
  check_hub_weights(*weights);
  return {.folder = folder};
}

std::string read_encoder_config(const fs::path& folder) {
  require_config(folder);
  return read_file(folder / kHubConfig, kMaxConfigBytes);
}

}  // namespace canine
