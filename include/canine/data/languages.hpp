#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace canine {

/// Languages that the Python program's published models were trained on, kUnknownLanguage first.
std::span<const std::string_view> published_languages();

/// A language and how many rows have it.
struct LanguageRows {
  std::string language;
  int64_t rows = 0;

  bool operator==(const LanguageRows&) const = default;
};

/// Puts languages with many rows in front, equal ones by name.
void sort_by_rows(std::vector<LanguageRows>& languages);

/// How a value of an input stands to the languages that a model knows.
enum class LanguageMatch {
  kKnown,
  kMended,         ///< known once blanks at its ends and case are passed over
  kOtherSpelling,  ///< a language that the model calls otherwise ("de", "german" for "ge")
  kUnknown,
};

/// The languages that a model has seen, to which the values of an input are compared. The language stands in front of a
/// description as ordinary text, so a model takes any value, but has learned something about these only. An unknown
/// one (kUnknownLanguage) is always known.
class KnownLanguages {
 public:
  /// Nothing is known of the model: every value is known.
  static KnownLanguages any();
  static KnownLanguages published();

  /// Of training rows themselves, before there is a model: the published languages, and of values that differ in blanks
  /// and case only, the published one or that with most rows.
  static KnownLanguages of_training(std::span<const LanguageRows> rows);

  /// Of a model by what it has seen. With `and_others` there are more than these, so that every value is known.
  explicit KnownLanguages(std::span<const LanguageRows> seen, bool and_others = false);

  struct Meant {
    std::string language;  ///< what the model is to be told
    LanguageMatch match = LanguageMatch::kKnown;
    std::string suggestion = {};  ///< the model's word for it, of kOtherSpelling
  };
  Meant meant_by(std::string_view value) const;

  /// "unk, ca, da": the first few.
  std::string text() const;

  bool knows_any() const { return any_; }

 private:
  KnownLanguages() = default;
  bool add(std::string_view language);
  bool has(std::string_view language) const;

  std::vector<std::string> names_;                          ///< in order
  std::unordered_map<std::string, std::string> by_folded_;  ///< without blanks and case
  bool any_ = false;
};

/// The values of one flag or column with what is meant by them, counted for one note.
class LanguageTally {
 public:
  explicit LanguageTally(KnownLanguages known) : known_(std::move(known)) {}

  /// Counts rows with a value. Returns what the model is to be told; valid until the next call.
  const KnownLanguages::Meant& add(std::string_view value, int64_t rows = 1);

  /// One line about values that are not known as they stand, or nullopt: how many rows, which values, what was made of
  /// them. `where`: "--language-col lang", "column lang of a.csv".
  std::optional<std::string> note(const std::string& where) const;

 private:
  struct Value {
    KnownLanguages::Meant meant;
    int64_t rows = 0;
  };

  KnownLanguages known_;
  std::map<std::string, Value, std::less<>> values_;
  Value others_;  ///< the latest of the values beyond those that are kept, and the rows of all unknown ones of them
  int64_t rows_ = 0;
};

/// A line about the value of a flag that is not known as it stands, or nullopt.
std::optional<std::string> note_of_language(const std::string& flag, const std::string& value,
                                            const KnownLanguages& known);

/// A line about languages that the published models call otherwise ("de" for "ge"), or nullopt. For training, which
/// keeps them.
std::optional<std::string> note_of_other_words(std::span<const LanguageRows> rows);

}  // namespace canine
