#include "companions.hpp"

#include <yaml-cpp/yaml.h>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/core/stand_in.hpp"
#include "canine/exchange/label_key_text.hpp"
#include "canine/hub/hub_cache.hpp"
#include "canine/model/encoder_config.hpp"
#include "names.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMostBytes = uint64_t{64} << 20;
constexpr uint64_t kMostYamlBytes = uint64_t{1} << 20;

/// Text of a file that need not be there.
std::optional<std::string> read_if_there(const fs::path& path, uint64_t limit) {
  std::error_code ignored;
  if (const std::string why = stand_in(path); !why.empty()) throw CheckpointError("{}: {}", path.string(), why);
  if (!fs::exists(path, ignored)) return std::nullopt;
  return read_file(path, limit);
}

CheckpointError not_readable(const fs::path& path, const std::string& what) {
  return CheckpointError("{}: {}; mend it or move it away", path.string(), what);
}

/// Value of a key as T; nullopt where it is absent or null.
template <typename T>
std::optional<T> value_at(const YAML::Node& root, const char* key) {
  const YAML::Node node = root[key];
  if (!node.IsDefined() || node.IsNull()) return std::nullopt;
  return node.as<T>();
}

template <typename Value, size_t kNum>
std::optional<Value> word_at(const YAML::Node& root, const char* key, const Word<Value> (&words)[kNum],
                             const fs::path& path) {
  const auto text = value_at<std::string>(root, key);
  if (!text) return std::nullopt;
  const auto value = value_of(words, *text);
  if (!value) throw not_readable(path, fmt::format("{} must be one of {}", key, all_words(words)));
  return value;
}

/// Of our runs; null is the default.
std::optional<TextCleaning> cleaning_at(const YAML::Node& root, const char* key, const fs::path& path) {
  if (!root[key].IsDefined()) return std::nullopt;
  const auto words = value_at<std::vector<std::string>>(root, key);
  if (!words) return TextCleaning();
  const auto cleaning = TextCleaning::from_words(*words);
  if (!cleaning) throw not_readable(path, fmt::format("{} must be {}", key, TextCleaning::expected_words()));
  return cleaning;
}

RunArguments arguments_of(const YAML::Node& root, const fs::path& path) {
  RunArguments arguments;
  arguments.formatter = word_at(root, "formatter", kFormatterWords, path);
  arguments.target_cols = value_at<std::vector<std::string>>(root, "target_cols").value_or(std::vector<std::string>());
  arguments.block_size = value_at<int64_t>(root, "block_size");
  arguments.use_within_block_sep = value_at<bool>(root, "use_within_block_sep");
  arguments.max_len = value_at<int64_t>(root, "max_len");
  arguments.padding = word_at(root, "padding", kPaddingWords, path);
  arguments.cleaning = cleaning_at(root, "clean_text", path);
  return arguments;
}

}  // namespace

std::optional<LabelKey> read_key_json(const fs::path& folder) {
  const fs::path path = folder / kHubKey;
  const auto text = read_if_there(path, kMostBytes);
  if (!text) return std::nullopt;
  return key_of_json(*text, path.string());
}

std::optional<ModelCard> read_card_json(const fs::path& folder) {
  const fs::path path = folder / kHubCard;
  const auto text = read_if_there(path, kMostBytes);
  if (!text) return std::nullopt;
  return ModelCard::parse(*text, path.string());
}

std::optional<EncoderOptions> read_config_json(const ModelContent& content) {
  if (content.type || !is_hub_weights(content.path.filename().string())) return std::nullopt;
  const fs::path path = content.path.parent_path() / kHubConfig;
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return std::nullopt;
  return load_encoder_config(path, path.string());
}

std::optional<LabelKey> read_key_csv(const fs::path& folder) {
  const fs::path path = folder / "key.csv";
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return std::nullopt;
  return LabelKey::read(path);
}

std::optional<RunArguments> read_run_arguments(const fs::path& folder) {
  const fs::path path = folder / "args.yaml";
  const auto text = read_if_there(path, kMostYamlBytes);
  if (!text) return std::nullopt;
  try {
    const YAML::Node root = YAML::Load(*text);
    if (!root.IsMap()) throw not_readable(path, "lines of the form 'block_size: 5' were expected");
    return arguments_of(root, path);
  } catch (const YAML::Exception& error) {
    throw not_readable(path, fmt::format("line {}: {}", error.mark.line + 1, error.msg));
  }
}

}  // namespace canine
