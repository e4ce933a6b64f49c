#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "canine/data/batch.hpp"
#include "canine/model/options.hpp"
#include "canine/text/make_formatter.hpp"

namespace canine {

/// Which of the Python program's three models a file holds (model.md §10 of the reference).
enum class ModelType {
  kMixer,    ///< encoder, decoder and flat head
  kSeq2Seq,  ///< encoder and decoder
  kFlat,     ///< encoder and flat head (basemodel.*, out.*)
};

/// What one must know of a model besides its weights and its key in order to use it: the shape that tensors do not
/// show, how codes are written, how texts are laid out. Stored as text in our checkpoints (key "canine", entry "card")
/// and as canine.json in exported folders; the Python program has no such thing (docs/differences.md D40).
struct ModelCard {
  ModelType type = ModelType::kMixer;
  EncoderOptions encoder;
  FormatterOptions formatter;
  std::vector<std::string> target_cols;  ///< label columns of the training data
  int64_t max_len = 128;                 ///< characters of the reference padding; longest input kept
  Padding padding = Padding::kReference;

  /// JSON with sorted keys.
  std::string to_json() const;

  /// Throws CheckpointError naming `source` and the entry that is missing or has another type or range. Entries it does
  /// not know are passed over.
  static ModelCard parse(std::string_view json, const std::string& source);
};

}  // namespace canine
