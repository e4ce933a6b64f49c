#include "canine/checkpoint/hf_folder.hpp"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <unordered_set>
#include <vector>

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

/// A variable of the environment that is set to something, as a path with "~" resolved.
std::optional<fs::path> path_variable(const char* name) {
  const char* value = std::getenv(name);
  if (!value || *value == '\0') return std::nullopt;
  const std::string text = value;
  const char* home = std::getenv("HOME");
  if (home && (text == "~" || text.starts_with("~/"))) return fs::path(home + text.substr(1));
  return text;
}

/// What a folder lacks to be an encoder, or "" if nothing.
std::string missing_file(const fs::path& folder) {
  std::error_code ignored;
  if (!fs::is_regular_file(folder / kConfig, ignored)) return std::string(kConfig);
  if (fs::is_regular_file(folder / kSafetensors, ignored) || fs::is_regular_file(folder / kTorchFile, ignored))
    return "";
  return fmt::format("{} or {}", kSafetensors, kTorchFile);
}

EncoderFolder open_folder(const fs::path& folder) {
  return {.folder = folder, .config_json = read_file(folder / kConfig, kMaxConfigBytes)};
}

/// "owner/model" or "model": what the Hub allows as a name, so never a path out of the cache.
bool is_hub_name(const std::string& name) {
  constexpr size_t kMaxBytes = 200;
  const auto allowed = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
  };
  const size_t slash = name.find('/');
  const std::string rest = slash == std::string::npos ? name : name.substr(0, slash) + name.substr(slash + 1);
  return !name.empty() && name.size() <= kMaxBytes && name.find("..") == std::string::npos && name.front() != '.' &&
         name.front() != '/' && name.back() != '/' && std::all_of(rest.begin(), rest.end(), allowed);
}

/// Snapshots of a cached model, best first: the one that refs/main names, then the others from new to old.
std::vector<fs::path> snapshots(const fs::path& model) {
  std::vector<fs::path> found;
  std::error_code ignored;
  for (const auto& item : fs::directory_iterator(model / "snapshots", ignored)) {
    if (item.is_directory(ignored)) found.push_back(item.path());
  }
  std::sort(found.begin(), found.end(), [&](const fs::path& left, const fs::path& right) {
    return fs::last_write_time(left, ignored) > fs::last_write_time(right, ignored);
  });
  if (fs::is_regular_file(model / "refs" / "main", ignored)) {
    std::string revision = read_file(model / "refs" / "main", kMaxConfigBytes);
    revision.erase(std::find_if(revision.begin(), revision.end(), [](unsigned char c) { return !std::isalnum(c); }),
                   revision.end());
    std::stable_partition(found.begin(), found.end(),
                          [&](const fs::path& path) { return path.filename() == revision; });
  }
  return found;
}

std::string hub_folder_name(std::string name) {
  const size_t slash = name.find('/');
  if (slash != std::string::npos) name.replace(slash, 1, "--");
  return "models--" + name;
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

fs::path hub_cache_folder() {
  if (const auto path = path_variable("HF_HUB_CACHE")) return *path;
  if (const auto path = path_variable("HUGGINGFACE_HUB_CACHE")) return *path;
  if (const auto path = path_variable("HF_HOME")) return *path / "hub";
  if (const auto path = path_variable("XDG_CACHE_HOME")) return *path / "huggingface" / "hub";
  return path_variable("HOME").value_or("/") / ".cache" / "huggingface" / "hub";
}

EncoderFolder find_encoder(const std::string& name_or_dir) {
  std::error_code ignored;
  if (fs::is_directory(name_or_dir, ignored)) {
    const std::string missing = missing_file(name_or_dir);
    if (missing.empty()) return open_folder(name_or_dir);
    throw UsageError("--encoder {}: the folder has no {}; a folder in Hugging Face layout was expected", name_or_dir,
                     missing);
  }
  if (!is_hub_name(name_or_dir)) {
    throw UsageError("--encoder {}: there is no such folder, and it is no Hub name such as google/canine-s",
                     printable(name_or_dir));
  }
  const fs::path model = hub_cache_folder() / hub_folder_name(name_or_dir);
  std::string incomplete;
  for (const fs::path& snapshot : snapshots(model)) {
    const std::string missing = missing_file(snapshot);
    if (missing.empty()) return open_folder(snapshot);
    incomplete += fmt::format("; {} has no {}", snapshot.string(), missing);
  }
  throw UsageError(
      "--encoder {}: found neither as a folder nor in the Hub cache ({}){}. Fetch it with: .venv/bin/hf download {}",
      name_or_dir, model.string(), incomplete, name_or_dir);
}

}  // namespace canine
