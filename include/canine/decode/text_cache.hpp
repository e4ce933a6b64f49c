#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "canine/decode/predictor.hpp"

namespace canine {

/// A text as it goes to the model, and what the model says of it once that is known.
struct CodedText {
  std::string text;        ///< language, "[SEP]", cleaned description
  size_t prefix_size = 0;  ///< bytes of language and "[SEP]"
  Prediction prediction = {};

  std::string_view prefix() const { return std::string_view(text).substr(0, prefix_size); }
  std::string_view description() const { return std::string_view(text).substr(prefix_size); }
};

/// Texts that were seen lately, so that each is coded once. Holds about `max_bytes`: texts since the last change of
/// generation and those of the generation before; a text that is asked for goes to the younger one. What it holds
/// depends on the texts asked for so far and on nothing else, so a run that continues finds what it would have found.
class TextCache {
 public:
  /// `bytes_per_text`: what one takes besides its characters.
  TextCache(size_t max_bytes, size_t bytes_per_text) : max_bytes_(max_bytes), bytes_per_text_(bytes_per_text) {}

  /// The text, and whether it is new: its prediction is then still to be made. `prefix_size` as in CodedText.
  std::pair<std::shared_ptr<CodedText>, bool> find(std::string_view text, size_t prefix_size);

 private:
  using Generation = std::unordered_map<std::string_view, std::shared_ptr<CodedText>>;  // keys lie in the values

  void remember(const std::shared_ptr<CodedText>& text);

  size_t max_bytes_;
  size_t bytes_per_text_;
  size_t young_bytes_ = 0;
  Generation young_;
  Generation old_;
};

}  // namespace canine
