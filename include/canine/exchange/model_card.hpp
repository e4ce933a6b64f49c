#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "canine/data/batch.hpp"
#include "canine/data/languages.hpp"
#include "canine/model/options.hpp"
#include "canine/text/make_formatter.hpp"
#include "canine/text/text_cleaning.hpp"

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
  TextCleaning cleaning = {};           ///< of texts in training and so in use; cards of earlier versions lack it
  std::vector<LanguageRows> languages;  ///< of the training rows, most rows first; none = not known (earlier versions)
  int64_t more_languages = 0;           ///< languages with fewer rows, which are not listed

  /// Takes over the languages of training rows: of very many the first.
  void set_languages(std::vector<LanguageRows> seen);

  /// JSON with sorted keys.
  std::string to_json() const;

  /// Throws CheckpointError naming `source` and the entry that is missing or has another type or range. Entries it does
  /// not know are passed over.
  static ModelCard parse(std::string_view json, const std::string& source);
};

}  // namespace canine
