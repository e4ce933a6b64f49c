#pragma once

#include <string>

#include "canine/checkpoint/named_tensors.hpp"
#include "canine/exchange/model_content.hpp"
#include "canine/model/mixer.hpp"

namespace canine {

/// First weights of a new model, out of another one's file.
///
///   a mixer                  all weights; symbols and classes must be as many
///   a seq2seq model          encoder and decoder; the head keeps its random values
///   a flat model             encoder, and the head if its classes are as many (upstream's occ-canine-v1)
///   an encoder               of a CANINE folder or converted file: the encoder
class StartWeights {
 public:
  /// `source` as read_model_content takes it, or the Python program's word "occ-canine-v1" in any case, which means the
  /// published flat model. Throws CheckpointError if no encoder is in it.
  StartWeights(const std::string& source, bool only_encoder);

  /// Whether no value of a new model is left to chance.
  bool complete() const { return !only_encoder_ && content_.type == ModelType::kMixer; }

  /// Copies what there is into `model` and says what. Strict within each part: throws CheckpointError naming keys and
  /// shapes that do not fit.
  void load_into(Mixer& model) const;

 private:
  ModelContent content_;
  bool only_encoder_;
};

/// The source that `word` of --initial-checkpoint means: itself, or the Hub name behind "occ-canine-v1".
std::string start_weights_source(const std::string& word);

}  // namespace canine
