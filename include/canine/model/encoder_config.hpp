#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "canine/model/options.hpp"

namespace canine {

/// Shape of an encoder from the text of a Hugging Face config.json (model type "canine"). Absent keys keep their
/// defaults, other keys are ignored. `where` names the source in messages. Throws UsageError naming the key for text
/// that is not a JSON object, values of a wrong type, shapes that cannot be, and activations other than "gelu".
EncoderOptions parse_encoder_config(std::string_view json, const std::string& where);

/// The same from a file, of which `where` names the use. Throws IoError, too, also if it is longer than any such text.
EncoderOptions load_encoder_config(const std::filesystem::path& path, const std::string& where);

/// The same keys and values as JSON, in the layout that parse_encoder_config and transformers.CanineConfig read.
std::string encoder_config_json(const EncoderOptions& options);

/// A key of config.json with its two values as JSON.
struct EncoderDifference {
  std::string key;
  std::string left;
  std::string right;
};

/// The first key that makes two encoders with the same weights compute different results (heads, widths of windows,
/// ...); rates of dropout, the spread of first values and max_position_embeddings, which nothing reads, do not.
std::optional<EncoderDifference> find_difference(const EncoderOptions& left, const EncoderOptions& right);

}  // namespace canine
