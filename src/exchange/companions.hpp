#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "canine/data/key.hpp"
#include "canine/exchange/model_card.hpp"
#include "canine/exchange/model_content.hpp"

namespace canine {

// Files that lie beside weights and say what they mean; nullopt where there is none.

/// A key that the config.json of a mixer, seq2seq or flat model has and that of an encoder has not.
inline constexpr const char* kMixerConfigKey = "model_domain";

/// Names in the metadata of safetensors files that we write; the texts are those of key.json and canine.json.
inline constexpr std::string_view kKeyMetadata = "canine_key";
inline constexpr std::string_view kCardMetadata = "canine_card";

std::optional<LabelKey> read_key_json(const std::filesystem::path& folder);
std::optional<ModelCard> read_card_json(const std::filesystem::path& folder);

/// config.json of an encoder alone in Hub layout; that of a mixer holds arguments of a constructor. Throws UsageError.
std::optional<EncoderOptions> read_config_json(const ModelContent& content);

/// key.csv of a run folder.
std::optional<LabelKey> read_key_csv(const std::filesystem::path& folder);

/// What args.yaml of a run (ours or the Python program's) says about its model; entries it does not have stay empty.
struct RunArguments {
  std::optional<FormatterKind> formatter;
  std::vector<std::string> target_cols;
  std::optional<int64_t> block_size;
  std::optional<bool> use_within_block_sep;
  std::optional<int64_t> max_len;
  std::optional<Padding> padding;
  std::optional<TextCleaning> cleaning;  ///< only our runs have it
};

/// Throws CheckpointError naming file and key for what cannot be read.
std::optional<RunArguments> read_run_arguments(const std::filesystem::path& folder);

}  // namespace canine
