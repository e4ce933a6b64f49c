#pragma once

#include <optional>
#include <string>

#include "canine/checkpoint/named_tensors.hpp"
#include "canine/data/key.hpp"
#include "canine/exchange/model_content.hpp"
#include "canine/model/mixer.hpp"
#include "canine/text/make_formatter.hpp"

namespace canine {

/// First weights of a new model, out of another one's file.
///
///   a mixer                  all weights; its codes must be those of the run, written in the same way
///   a seq2seq model          encoder, and decoder if its codes are written in the same way; the head keeps its random
///                            values
///   a flat model             encoder, and the head if its classes are as many (upstream's occ-canine-v1)
///   an encoder               of a CANINE folder or converted file: the encoder
class StartWeights {
 public:
  /// `source` as read_model_content takes it, or the Python program's word "occ-canine-v1" in any case, which means the
  /// published flat model. Throws CheckpointError if no encoder is in it.
  StartWeights(const std::string& source, bool only_encoder);

  /// Whether no value of a new model is left to chance.
  bool complete() const { return !only_encoder_ && content_.type == ModelType::kMixer; }

  /// What its own file says of it, if it is one of ours; whether it is a model and not an encoder alone; its file.
  const std::optional<ModelCard>& card() const { return content_.card; }
  bool holds_model() const { return content_.type.has_value(); }
  std::string source() const { return content_.path.string(); }

  /// Compares what the model's files say of its codes with those of the run, which no tensor shows: throws
  /// CheckpointError if a mixer writes them otherwise, and leaves out the decoder of a seq2seq model that does.
  void require_codes(const FormatterOptions& run);

  /// Compares the classes of a mixer's head with those of the run, known by its `key` or by their number alone: throws
  /// CheckpointError if they are others. Their order may differ.
  void require_classes(int64_t num_classes, const LabelKey* key) const;

  /// Copies what there is into `model` and says what. Strict within each part: throws CheckpointError naming keys and
  /// shapes that do not fit. With the run's `key`, the classes of the head are put into its order; throws
  /// CheckpointError if a mixer's codes are others.
  void load_into(Mixer& model, const LabelKey* key = nullptr) const;

 private:
  NamedTensors with_classes_of(const NamedTensors& weights, const LabelKey* key) const;
  void load_head(Mixer& model, const NamedTensors& weights, const LabelKey* key) const;

  ModelContent content_;
  bool only_encoder_;
  bool same_blocks_ = true;
};

/// The source that `word` of --initial-checkpoint means: itself, or the Hub name behind "occ-canine-v1".
std::string start_weights_source(const std::string& word);

}  // namespace canine
