#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "canine/data/code_system.hpp"
#include "canine/exchange/model_card.hpp"
#include "canine/exchange/model_content.hpp"
#include "canine/model/mixer.hpp"

namespace canine {

/// What the user says of a model, which wins over what its files say. The flags are those of the Python program's
/// evaluation and of finetune.
struct ModelOverrides {
  std::filesystem::path encoder_config;      ///< --encoder-config: config.json of the encoder; empty = not said
  std::optional<FormatterKind> formatter;    ///< --formatter
  std::vector<std::string> target_cols;      ///< --target-cols; empty = not said
  std::optional<int64_t> block_size;         ///< --block-size
  std::optional<bool> use_within_block_sep;  ///< --use-within-block-sep
  std::filesystem::path mapping;             ///< --mapping: key.csv; empty = not said
  std::optional<int64_t> max_len;            ///< --max-len
  std::optional<Padding> padding;            ///< --padding
  std::vector<std::string> clean_text;       ///< --clean-text: words of a TextCleaning; empty = not said
  TextCleaning usual_cleaning = TextCleaning::published();  ///< of models without a card, for the program at work
  Attention attention = Attention::kSdpa;
};

/// A model with everything one must know in order to use it.
struct LoadedModel {
  Mixer model{nullptr};  ///< on the CPU, float32, in evaluation mode
  ModelCard card;
  bool has_card = false;  ///< the card is the file's own; otherwise it was made up from what else is known
  std::shared_ptr<const CodeSystem> codes;
  std::filesystem::path path;   ///< file of the weights
  std::optional<int64_t> step;  ///< of training, if known
};

/// Reads a model (read_model_content) and describes it by what `overrides` say, else by the card that our files carry,
/// else by the run's args.yaml and by shapes: 19 symbols and 1919 classes are hisco, 16 and 1000 occ1950, 2087 symbols
/// a general-purpose system, whose label columns and block size somebody must say. What is assumed about an encoder
/// whose file does not tell (12 heads, if it is 768 wide, as google/canine-s) comes as a note. The key of a
/// general-purpose system is that of --mapping, of the file, of key.json, or of key.csv beside the file; 1919 classes
/// without any are the numbers 0 to 1918 (docs/differences.md D32), with a note. A block size that nobody says is the
/// Python program's usual 5, with a note. Texts of a model without a card are cleaned as the Python program does it
/// (usual_cleaning), with a note, and another cleaning than the card's is named. Throws UsageError naming the flags
/// that are missing or contradict the file, CheckpointError, IoError.
LoadedModel load_model(const std::string& source, const ModelOverrides& overrides);

/// Card and codes of a model as load_model finds them.
struct ModelDescription {
  ModelCard card;
  bool has_card = false;
  std::shared_ptr<const CodeSystem> codes;
};
ModelDescription describe_model(const ModelContent& content, const ModelOverrides& overrides);

/// Key of a general-purpose run whose folder has lost key.csv, from its checkpoint: the stored one, or the numbers that
/// load_model takes for the codes of the Python program's train_mixer. Throws CheckpointError if the checkpoint is one
/// of another formatter, or does not say what its classes stand for.
LabelKey key_of_run(const ModelContent& content);

/// Settings of the encoder in `content`, which may hold nothing else, found in the same way.
EncoderOptions describe_encoder(const ModelContent& content, const ModelOverrides& overrides);

/// Throws CheckpointError naming keys and shapes unless the weights are exactly those of a model of their shape, or,
/// where that is all there is, of an encoder under Mixer's names.
void check_weights(const ModelContent& content);

}  // namespace canine
