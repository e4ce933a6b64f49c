#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "canine/exchange/model_card.hpp"

namespace canine {

/// A word that files have for a value.
template <typename Value>
struct Word {
  std::string_view word;
  Value value;
};

inline constexpr Word<ModelType> kTypeWords[] = {
    {"mixer", ModelType::kMixer}, {"seq2seq", ModelType::kSeq2Seq}, {"flat", ModelType::kFlat}};
inline const Word<FormatterKind> kFormatterWords[] = {{name_of(FormatterKind::kGeneral), FormatterKind::kGeneral},
                                                      {name_of(FormatterKind::kHisco), FormatterKind::kHisco},
                                                      {name_of(FormatterKind::kOcc1950), FormatterKind::kOcc1950}};
inline constexpr Word<Padding> kPaddingWords[] = {{"reference", Padding::kReference}, {"mask", Padding::kMask}};

template <typename Value, size_t kNum>
std::optional<Value> value_of(const Word<Value> (&words)[kNum], std::string_view text) {
  for (const auto& [word, value] : words) {
    if (word == text) return value;
  }
  return std::nullopt;
}

template <typename Value, size_t kNum>
std::string_view word_of(const Word<Value> (&words)[kNum], Value wanted) {
  for (const auto& [word, value] : words) {
    if (value == wanted) return word;
  }
  return "";
}

/// "mixer, seq2seq, flat".
template <typename Value, size_t kNum>
std::string all_words(const Word<Value> (&words)[kNum]) {
  std::string text;
  for (const auto& [word, value] : words) text.append(text.empty() ? "" : ", ").append(word);
  return text;
}

}  // namespace canine
