#include "prepared_manifest.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <system_error>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/core/json_depth.hpp"
#include "canine/core/sha256.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;
constexpr uint64_t kMostBytes = uint64_t{1} << 20;

Json to_json(const FileRecord& record) {
  return {{"rows", record.num_rows}, {"size", record.size}, {"sha256", record.sha256}};
}

FileRecord record_of(const Json& json) {
  return {json.at("size").get<uint64_t>(), json.at("sha256").get<std::string>(), json.at("rows").get<int64_t>()};
}

/// Paths and flags may hold any bytes; JSON only Unicode.
std::string dump(const Json& json, int indent = -1) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

ShapingOptions texts_of(const Json& values) {
  ShapingOptions texts;
  for (const auto& [flag, value] : values.items()) texts.emplace_back(flag, dump(value));
  return texts;
}

std::string changed_file(const fs::path& path, const FileRecord& record) {
  const uint64_t size = RandomAccessFile(path).size();
  const std::string name = path.filename().string();
  if (size != record.size) {
    return fmt::format("{}: written with {} bytes, now {} (cut off or edited)", name, record.size, size);
  }
  const bool changed = sha256_of_file(path) != record.sha256;
  return changed ? fmt::format("{}: its content was changed after it was written", name) : "";
}

/// "" if the data may be used without its source: that of this name, which may be written in another way or lie in
/// another folder than when the data was prepared. Compared as dump() has written the name.
std::string absent_source(const PreparedManifest& manifest, const fs::path& dataset) {
  const auto name = [](const fs::path& path) { return dump(path.filename().string()); };
  if (name(dataset) == name(manifest.source_name)) return {};
  std::error_code ignored;
  return fmt::format("dataset: prepared from {}, now {}, which is {}", manifest.source_name, dataset.string(),
                     fs::exists(dataset, ignored) ? "no file" : "not there");
}

std::string changed_source(const PreparedManifest& manifest, const fs::path& dataset) {
  std::error_code ignored;
  if (dataset.empty()) return {};
  if (!fs::is_regular_file(dataset, ignored)) return absent_source(manifest, dataset);
  if (RandomAccessFile(dataset).size() == manifest.source_size && sha256_of_file(dataset) == manifest.source_sha256) {
    return {};
  }
  if (dataset.string() == manifest.source_name) {
    return fmt::format("dataset: {} has changed since the files were prepared from it", manifest.source_name);
  }
  return fmt::format("dataset: prepared from {}, now {}, which has other content", manifest.source_name,
                     dataset.string());
}

}  // namespace

ShapingOptions shaping_options(const PrepareOptions& options) {
  const Json values = {{"input-col", options.input_col},
                       {"target-cols", options.target_cols},
                       {"language", options.language},
                       {"language-col", options.language_col ? Json(*options.language_col) : Json()},
                       {"block-size", options.block_size},
                       {"use-within-block-sep", options.use_within_block_sep},
                       {"share-val", options.share_val},
                       {"drop-bad-labels", options.drop_bad_labels},
                       {"allow-codes-shorter-than-block-size", options.allow_codes_shorter_than_block_size}};
  return texts_of(values);
}

void PreparedManifest::write(const fs::path& path) const {
  Json values = Json::object();
  for (const auto& [flag, value] : options) values[flag] = Json::parse(value);
  const Json json = {{"format", kFormat},
                     {"source", {{"name", source_name}, {"size", source_size}, {"sha256", source_sha256}}},
                     {"options", values},
                     {"files", {{kTrainFile, to_json(train)}, {kValFile, to_json(val)}, {kKeyFile, to_json(key)}}}};
  write_file(path, dump(json, 2) + "\n", /*sync=*/false);
}

PreparedManifest PreparedManifest::read(const fs::path& path) {
  const std::string text = read_file(path, kMostBytes);
  refuse_deep_json<DataError>(text, path.string());
  try {
    const Json json = Json::parse(text);
    if (const int format = json.at("format").get<int>(); format != kFormat) {
      throw DataError("{}: format {} is not known to this program, expected {}", path.string(), format, kFormat);
    }
    PreparedManifest manifest;
    const Json& source = json.at("source");
    manifest.source_name = source.at("name").get<std::string>();
    manifest.source_size = source.at("size").get<uint64_t>();
    manifest.source_sha256 = source.at("sha256").get<std::string>();
    manifest.options = texts_of(json.at("options"));
    const Json& files = json.at("files");
    manifest.train = record_of(files.at(kTrainFile));
    manifest.val = record_of(files.at(kValFile));
    manifest.key = record_of(files.at(kKeyFile));
    return manifest;
  } catch (const Json::exception& error) {
    throw DataError("{}: not a record of prepared data ({})", path.string(), error.what());
  }
}

std::vector<std::string> option_differences(const PreparedManifest& manifest, const PrepareOptions& options) {
  std::vector<std::string> lines;
  for (const auto& [flag, now] : shaping_options(options)) {
    const auto before = std::ranges::find(manifest.options, flag, &ShapingOptions::value_type::first);
    const std::string_view was = before == manifest.options.end() ? "nothing" : std::string_view(before->second);
    if (was != now) lines.push_back(fmt::format("{}: prepared with {}, now {}", flag, was, now));
  }
  return lines;
}

std::vector<std::string> differences(const PreparedManifest& manifest, const PrepareOptions& options,
                                     const fs::path& folder) {
  std::vector<std::string> lines = option_differences(manifest, options);
  const std::array changes = {
      changed_source(manifest, options.dataset), changed_file(folder / kTrainFile, manifest.train),
      changed_file(folder / kValFile, manifest.val), changed_file(folder / kKeyFile, manifest.key)};
  for (const std::string& change : changes) {
    if (!change.empty()) lines.push_back(change);
  }
  return lines;
}

}  // namespace canine
