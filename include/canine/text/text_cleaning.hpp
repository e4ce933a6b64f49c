#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace canine {

/// What a text is read for. Validation and evaluation are kPrediction: the model codes the text without learning it.
enum class TextUse { kTraining, kPrediction };

/// What is done to a description before the model gets its characters: alike wherever a model is used, so that a text
/// is in prediction what it was in training. The default strips what the Python program strips from training texts.
///
/// Steps come in the order of the fields. Augmentation comes before them, as there; the language in front of a
/// description is not treated. Stored in a model's card (exchange/model_card.hpp); --clean-text on command lines.
struct TextCleaning {
  bool nfc = false;    ///< Unicode's form C: a letter and its accents are one character where there is one
  bool quotes = true;  ///< the signs ' [ ] off both ends
  bool lower = false;  ///< lower case (text/transliteration.hpp)
  bool ascii = false;  ///< the nearest ASCII (text/transliteration.hpp); other signs are left out
  bool trim = false;   ///< white space off both ends

  /// The steps for training texts only; others stay as they stand. So the Python program trains and evaluates.
  bool only_in_training = false;

  static TextCleaning none();       ///< texts as they stand
  static TextCleaning published();  ///< lower, ascii: as the Python program predicts, and its published models expect
  static TextCleaning reference();  ///< quotes, only_in_training

  /// From one of "none", "published", "reference", or from one or more steps by their names above, in any order, also
  /// with commas between them. nullopt for other words.
  static std::optional<TextCleaning> from_words(std::span<const std::string> words);

  /// from_words for a command line. Throws UsageError naming --clean-text and the words it takes.
  static TextCleaning from_flag(std::span<const std::string> words);

  /// The words that from_words takes, for messages.
  static std::string expected_words();

  /// Words for from_words: steps, "none" or "reference".
  std::vector<std::string> words() const;

  /// words() with blanks between them: what --clean-text takes.
  std::string text() const;

  /// UTF-8 in and out. Threads may call it at the same time.
  void apply(std::string& text, TextUse use) const;

  bool operator==(const TextCleaning&) const = default;
};

}  // namespace canine
