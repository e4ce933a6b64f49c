#include "canine/hub/hub_cache.hpp"

#include <algorithm>
#include <cctype>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/core/stand_in.hpp"
#include "canine/hub/weight_index.hpp"
#include "environment.hpp"
#include "plain_name.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxRefBytes = 1024;

/// Branches and tags may have slashes ("refs/pr/1").
bool is_revision(std::string_view text) {
  for (size_t slash = text.find('/'); slash != std::string_view::npos; slash = text.find('/')) {
    if (!is_plain_name(text.substr(0, slash))) return false;
    text.remove_prefix(slash + 1);
  }
  return is_plain_name(text);
}

bool is_repository(std::string_view text) {
  if (text.find("--") != std::string_view::npos) return false;  // stands for "/" in names of folders
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return is_plain_name(text);
  return is_plain_name(text.substr(0, slash)) && is_plain_name(text.substr(slash + 1));
}

bool holds(const fs::path& snapshot, HubFiles files) {
  std::error_code ignored;
  const auto has = [&](std::string_view name) { return fs::is_regular_file(snapshot / name, ignored); };
  if (!has(kHubConfig) || files == HubFiles::kConfig) return has(kHubConfig);
  const auto weights = std::find_if(std::begin(kHubWeights), std::end(kHubWeights), has);
  if (weights == std::end(kHubWeights)) return false;
  if (!is_weight_index(*weights)) return true;
  try {
    const std::vector<std::string> parts = WeightIndex::read(snapshot / *weights).files();
    return std::all_of(parts.begin(), parts.end(), has);
  } catch (const Error&) {
    return false;
  }
}

/// Commit that a branch or tag had when it was downloaded; otherwise the revision itself, which may be a commit.
std::string commit_of(const fs::path& model, const std::string& revision) {
  std::error_code ignored;
  const fs::path ref = model / "refs" / revision;
  if (!fs::is_regular_file(ref, ignored)) return revision;
  std::string commit = read_file(ref, kMaxRefBytes);
  while (!commit.empty() && std::isspace(static_cast<unsigned char>(commit.back()))) commit.pop_back();
  return commit;
}

/// The newest of the complete snapshots of a model.
std::optional<fs::path> newest_snapshot(const fs::path& model, HubFiles files) {
  std::optional<fs::path> newest;
  std::error_code ignored;
  for (const auto& item : fs::directory_iterator(model / "snapshots", ignored)) {
    if (!holds(item.path(), files)) continue;
    if (!newest || fs::last_write_time(item.path(), ignored) > fs::last_write_time(*newest, ignored)) {
      newest = item.path();
    }
  }
  return newest;
}

}  // namespace

bool is_plain_name(std::string_view text) {
  constexpr size_t kMaxBytes = 200;
  const auto allowed = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
  };
  return !text.empty() && text.size() <= kMaxBytes && text.front() != '.' &&
         text.find("..") == std::string_view::npos && std::all_of(text.begin(), text.end(), allowed);
}

bool is_hub_weights(std::string_view file_name) {
  return std::find(std::begin(kHubWeights), std::end(kHubWeights), file_name) != std::end(kHubWeights);
}

std::optional<HubName> parse_hub_name(std::string_view text) {
  HubName name;
  const size_t at = text.find('@');
  name.repository = text.substr(0, at);
  if (at != std::string_view::npos) name.revision = text.substr(at + 1);
  if (!is_repository(name.repository) || !is_revision(name.revision)) return std::nullopt;
  return name;
}

fs::path hub_home() {
  if (const auto path = path_variable("HF_HOME")) return *path;
  if (const auto path = path_variable("XDG_CACHE_HOME")) return *path / "huggingface";
  return path_variable("HOME").value_or("/") / ".cache" / "huggingface";
}

fs::path hub_cache_folder() {
  if (const auto path = path_variable("HF_HUB_CACHE")) return *path;
  if (const auto path = path_variable("HUGGINGFACE_HUB_CACHE")) return *path;
  return hub_home() / "hub";
}

fs::path hub_model_folder(const fs::path& cache, const HubName& name) {
  std::string folder = "models--" + name.repository;
  const size_t slash = folder.find('/');
  if (slash != std::string::npos) folder.replace(slash, 1, "--");
  return cache / folder;
}

std::string damage_in_cache(const fs::path& cache, const HubName& name) {
  std::error_code ignored;
  for (const auto& snapshot : fs::directory_iterator(hub_model_folder(cache, name) / "snapshots", ignored)) {
    for (const auto& file : fs::directory_iterator(snapshot.path(), ignored)) {
      const std::string why = stand_in(file.path());
      if (!why.empty()) return file.path().string() + ": " + why;
    }
  }
  return "";
}

std::optional<fs::path> find_cached_model(const fs::path& cache, const HubName& name, HubFiles files) {
  const fs::path model = hub_model_folder(cache, name);
  const std::string commit = commit_of(model, name.revision);
  if (is_plain_name(commit) && holds(model / "snapshots" / commit, files)) return model / "snapshots" / commit;
  if (name.revision == HubName().revision) return newest_snapshot(model, files);
  return std::nullopt;
}

}  // namespace canine
