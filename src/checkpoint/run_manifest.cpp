#include "run_manifest.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/core/json_depth.hpp"
#include "canine/core/log.hpp"

namespace canine {
namespace {

constexpr uint64_t kMaxBytes = uint64_t{64} << 20;
constexpr int kFormat = 1;

std::filesystem::path manifest_path(const std::filesystem::path& folder) { return folder / "checkpoints.json"; }

ManifestEntry entry_of(const nlohmann::json& item) {
  ManifestEntry entry;
  entry.file = item.at("file").get<std::string>();
  entry.bytes = item.at("bytes").get<uint64_t>();
  entry.sha256 = item.at("sha256").get<std::string>();
  entry.step = item.at("step").get<int64_t>();
  entry.metric_name = item.at("metric_name").get<std::string>();
  if (!item.at("metric").is_null()) entry.metric = item.at("metric").get<double>();
  entry.time = item.at("time").get<std::string>();
  // Files are removed by these names, so they may be nothing else.
  if (step_of_name(entry.file) != entry.step) throw CheckpointError("'{}' is no name of a checkpoint", entry.file);
  return entry;
}

nlohmann::ordered_json json_of(const ManifestEntry& entry) {
  return {{"file", entry.file},
          {"bytes", entry.bytes},
          {"sha256", entry.sha256},
          {"step", entry.step},
          {"metric_name", entry.metric_name},
          {"metric", entry.metric ? nlohmann::ordered_json(*entry.metric) : nlohmann::ordered_json()},
          {"time", entry.time}};
}

}  // namespace

RunManifest RunManifest::read(const std::filesystem::path& folder) {
  const std::filesystem::path path = manifest_path(folder);
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return {};
  RunManifest manifest;
  try {
    const std::string text = read_file(path, kMaxBytes);
    refuse_deep_json<CheckpointError>(text, path.filename().string());
    const auto root = nlohmann::json::parse(text);
    if (const int format = root.at("format").get<int>(); format != kFormat) {
      throw CheckpointError("format {} was expected, {} was found", kFormat, format);
    }
    for (const auto& item : root.at("checkpoints")) manifest.add(entry_of(item));
  } catch (const std::exception& error) {
    log_warning("{} cannot be used, so checkpoints are judged by their own checksums: {}", path.string(), error.what());
    return {};
  }
  return manifest;
}

void RunManifest::write(const std::filesystem::path& folder) const {
  nlohmann::ordered_json items = nlohmann::ordered_json::array();
  for (const ManifestEntry& entry : entries_) items.push_back(json_of(entry));
  const nlohmann::ordered_json root = {{"format", kFormat}, {"checkpoints", items}};
  write_file(manifest_path(folder), root.dump(1) + "\n");
}

const ManifestEntry* RunManifest::find(const std::string& file) const {
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const auto& each) { return each.file == file; });
  return found == entries_.end() ? nullptr : &*found;
}

const ManifestEntry* RunManifest::find_content(uint64_t bytes, const std::string& sha256) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const auto& each) { return each.bytes == bytes && each.sha256 == sha256; });
  return found == entries_.end() ? nullptr : &*found;
}

void RunManifest::add(ManifestEntry entry) {
  remove(entry.file);
  entries_.push_back(std::move(entry));
}

void RunManifest::remove(const std::string& file) {
  std::erase_if(entries_, [&](const auto& each) { return each.file == file; });
}

bool RunManifest::set_metric(const std::string& file, const std::string& name, double value) {
  for (ManifestEntry& entry : entries_) {
    if (entry.file != file) continue;
    entry.metric_name = name;
    entry.metric = value;
    return true;
  }
  return false;
}

std::optional<int64_t> step_of_name(const std::string& file) {
  constexpr std::string_view kSuffix = ".bin";
  if (!file.ends_with(kSuffix)) return std::nullopt;
  const char* end = file.data() + file.size() - kSuffix.size();
  int64_t step = 0;
  const auto parsed = std::from_chars(file.data(), end, step);
  // Written back to see that nothing but the shortest form is taken ("-1.bin", "007.bin").
  const bool is_step = parsed.ec == std::errc() && parsed.ptr == end && step >= 0;
  return is_step && std::to_string(step) + std::string(kSuffix) == file ? std::optional(step) : std::nullopt;
}

}  // namespace canine
