#include "canine/checkpoint/hf_folder.hpp"

#include <algorithm>

#include "bytes.hpp"
#include "canine/checkpoint/safetensors.hpp"
#include "canine/checkpoint/state_dict.hpp"
#include "canine/checkpoint/torch_file.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxConfigBytes = uint64_t{1} << 20;
constexpr std::string_view kConfig = "config.json";
constexpr std::string_view kSafetensors = "model.safetensors";
constexpr std::string_view kTorchFile = "pytorch_model.bin";

/// What a folder lacks to be an encoder, or "" if nothing.
std::string missing_file(const fs::path& folder) {
  std::error_code ignored;
  if (!fs::is_regular_file(folder / kConfig, ignored)) return std::string(kConfig);
  if (fs::is_regular_file(folder / kSafetensors, ignored) || fs::is_regular_file(folder / kTorchFile, ignored))
    return "";
  return fmt::format("{} or {}", kSafetensors, kTorchFile);
}

UsageError lacking(const fs::path& folder, std::string_view file) {
  return UsageError("the folder {} has no {}; a folder in Hugging Face layout was expected", folder.string(), file);
}

NamedTensors read_weights_file(const fs::path& folder) {
  std::error_code ignored;
  if (fs::is_regular_file(folder / kSafetensors, ignored)) return read_safetensors(folder / kSafetensors);
  const fs::path path = folder / kTorchFile;
  return tensors_of(read_torch_file(path), path.string());
}

}  // namespace

NamedTensors EncoderFolder::read_weights() const {
  constexpr std::string_view kPrefix = "canine.";
  const NamedTensors all = read_weights_file(folder);
  const auto has_prefix = [&](const auto& item) { return item.first.starts_with(kPrefix); };
  const size_t drop = std::any_of(all.begin(), all.end(), has_prefix) ? kPrefix.size() : 0;
  NamedTensors weights;
  for (const auto& [name, tensor] : all) {
    if (drop > 0 && !name.starts_with(kPrefix)) continue;
    if (name == "position_ids" || name.ends_with(".position_ids")) continue;
    weights.emplace_back(name.substr(drop), tensor);
  }
  if (weights.empty()) throw CheckpointError("{}: its weights file holds no tensors", folder.string());
  return weights;
}

EncoderFolder find_encoder(const fs::path& folder) {
  const std::string missing = missing_file(folder);
  if (!missing.empty()) throw lacking(folder, missing);
  return {.folder = folder};
}

std::string read_encoder_config(const fs::path& folder) {
  std::error_code ignored;
  if (!fs::is_regular_file(folder / kConfig, ignored)) throw lacking(folder, kConfig);
  return read_file(folder / kConfig, kMaxConfigBytes);
}

}  // namespace canine
