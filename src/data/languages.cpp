#include "canine/data/languages.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "canine/core/readable.hpp"
#include "canine/core/utf8.hpp"
#include "canine/data/columns.hpp"
#include "canine/text/readable_text.hpp"
#include "canine/text/text_cleaning.hpp"
#include "canine/text/transliteration.hpp"
#include "examples.hpp"
#include "missing_language.hpp"

namespace canine {
namespace {

constexpr std::array<std::string_view, 14> kPublished = {
    kUnknownLanguage, "ca", "da", "en", "es", "fr", "ge", "gr", "is", "it", "nl", "no", "pt", "se"};

/// Words for one language each, in lower case: that of the published models, ISO 639-1 and 639-2, names.
constexpr std::string_view kWords[] = {
    "unk und unknown",
    "ca cat catalan català",
    "da dan danish dansk dk",
    "en eng english",
    "es spa spanish español espanol castilian castellano",
    "fr fra fre french français francais",
    "ge de deu ger german deutsch",
    "gr el ell gre greek ελληνικά",
    "is isl ice icelandic íslenska",
    "it ita italian italiano",
    "nl nld dut dutch nederlands",
    "no nor nb nob nn nno norwegian norsk",
    "pt por portuguese português portugues",
    "se sv swe swedish svenska",
};

constexpr size_t kMostNamed = 10;  // values in one note

/// Without white space at the ends, in lower case.
std::string folded(std::string_view value) {
  std::string text(value);
  TextCleaning{.quotes = false, .lower = true, .trim = true}.apply(text, TextUse::kPrediction);
  return text;
}

bool has_word(std::string_view words, std::string_view wanted) {
  for (size_t end = 0; !words.empty(); words.remove_prefix(std::min(words.size(), end + 1))) {
    end = std::min(words.find(' '), words.size());
    if (words.substr(0, end) == wanted) return true;
  }
  return false;
}

/// The words of the language that `value` (folded) may mean, also with a region behind it ("en-us"); "" if none.
std::string_view words_for(std::string_view value) {
  const std::string_view without_region = value.substr(0, value.find_first_of("-_"));
  for (const std::string_view word : {value, without_region}) {
    for (const std::string_view words : kWords) {
      if (has_word(words, word)) return words;
    }
  }
  return "";
}

/// A value for people: of the wrong column it may be anything.
std::string shown(std::string_view value) {
  constexpr size_t kMost = 40;
  size_t end = 0;
  for (size_t count = 0; end < value.size() && count < kMost; ++count) next_code_point(value, end);
  return readable_text(value.substr(0, end)) + (end < value.size() ? "..." : "");
}

bool is_known(LanguageMatch match) { return match == LanguageMatch::kKnown || match == LanguageMatch::kMended; }

std::string first_word(std::string_view words) { return std::string(words.substr(0, words.find(' '))); }

}  // namespace

std::span<const std::string_view> published_languages() { return kPublished; }

void sort_by_rows(std::vector<LanguageRows>& languages) {
  std::ranges::sort(languages, [](const LanguageRows& a, const LanguageRows& b) {
    return std::tie(b.rows, a.language) < std::tie(a.rows, b.language);
  });
}

KnownLanguages KnownLanguages::any() {
  KnownLanguages known;
  known.any_ = true;
  return known;
}

KnownLanguages KnownLanguages::published() {
  KnownLanguages known;
  for (const std::string_view language : kPublished) known.add(language);
  return known;
}

KnownLanguages KnownLanguages::of_training(std::span<const LanguageRows> rows) {
  std::vector<LanguageRows> sorted(rows.begin(), rows.end());
  sort_by_rows(sorted);
  KnownLanguages known = published();
  for (const LanguageRows& entry : sorted) known.add(entry.language);
  return known;
}

KnownLanguages::KnownLanguages(std::span<const LanguageRows> seen, bool and_others) : any_(and_others) {
  add(kUnknownLanguage);
  std::vector<LanguageRows> sorted(seen.begin(), seen.end());
  sort_by_rows(sorted);
  for (const LanguageRows& entry : sorted) {
    if (says_no_language(entry.language)) continue;  // rows of unk, of which older cards say ''
    if (!add(entry.language) && !has(entry.language)) names_.push_back(entry.language);  // two spellings, two languages
  }
}

/// False if it differs from one that is there already in blanks and case only.
bool KnownLanguages::add(std::string_view language) {
  if (!by_folded_.emplace(folded(language), language).second) return false;
  names_.emplace_back(language);
  return true;
}

bool KnownLanguages::has(std::string_view language) const {
  return std::ranges::find(names_, language) != names_.end();
}

KnownLanguages::Meant KnownLanguages::meant_by(std::string_view value) const {
  if (has(value)) return {.language = std::string(value)};
  if (says_no_language(value)) {
    return {.language = std::string(kUnknownLanguage), .match = LanguageMatch::kMended};
  }
  const std::string plain = folded(value);
  if (const auto found = by_folded_.find(plain); found != by_folded_.end()) {
    return {.language = found->second, .match = LanguageMatch::kMended};
  }
  if (any_) return {.language = std::string(value)};
  const std::string_view words = words_for(plain);
  for (const std::string& name : names_) {
    if (!words.empty() && has_word(words, folded(name))) {
      return {.language = std::string(value), .match = LanguageMatch::kOtherSpelling, .suggestion = name};
    }
  }
  return {.language = std::string(value), .match = LanguageMatch::kUnknown};
}

std::string KnownLanguages::text() const {
  constexpr size_t kMost = 20;
  std::vector<std::string> texts;
  for (const std::string& name : std::span(names_).first(std::min(kMost, names_.size()))) texts.push_back(shown(name));
  const size_t more = names_.size() - texts.size();
  return fmt::format("{}{}", fmt::join(texts, ", "), more > 0 ? fmt::format(" and {} more", more) : "");
}

const KnownLanguages::Meant& LanguageTally::add(std::string_view value, int64_t rows) {
  rows_ += rows;
  constexpr size_t kMostValues = 10'000;  // a column of texts, by mistake, must not fill the memory
  auto found = values_.find(value);
  if (found == values_.end() && values_.size() == kMostValues) {
    others_.meant = known_.meant_by(value);
    if (!is_known(others_.meant.match)) others_.rows += rows;
    return others_.meant;
  }
  if (found == values_.end()) found = values_.emplace(value, Value{known_.meant_by(value), 0}).first;
  found->second.rows += rows;
  return found->second.meant;
}

std::optional<std::string> LanguageTally::note(const std::string& where) const {
  std::vector<LanguageRows> mended, unknown;
  int64_t mended_rows = 0;
  int64_t unknown_rows = others_.rows;
  for (const auto& [value, found] : values_) {
    if (found.meant.match == LanguageMatch::kKnown) continue;
    const bool is_mended = found.meant.match == LanguageMatch::kMended;
    (is_mended ? mended : unknown).push_back({value, found.rows});
    (is_mended ? mended_rows : unknown_rows) += found.rows;
  }
  if (mended.empty() && unknown.empty()) return std::nullopt;
  const auto list = [&](std::vector<LanguageRows>& values) {
    sort_by_rows(values);
    std::vector<std::string> texts;
    for (const LanguageRows& each : values) {
      const KnownLanguages::Meant& meant = values_.find(each.language)->second.meant;
      std::string text = fmt::format("'{}' ({}", shown(each.language), counted(each.rows, "row"));
      if (meant.match == LanguageMatch::kMended) text += fmt::format(", now '{}'", shown(meant.language));
      if (meant.match == LanguageMatch::kOtherSpelling)
        text += fmt::format("; its word is '{}'", shown(meant.suggestion));
      texts.push_back(text + ")");
      if (texts.size() == kMostNamed) break;
    }
    const size_t more = values.size() - texts.size();
    return fmt::format("{}{}", fmt::join(texts, ", "), more > 0 ? fmt::format(" and {} more", more) : "");
  };
  std::string note = where + ": ";
  if (!unknown.empty()) {
    note += fmt::format("{} a language that the model has not seen, which is taken as it stands: {}; it knows {}",
                        rows_have(unknown_rows, rows_), list(unknown), known_.text());
  }
  if (!mended.empty()) {
    note += fmt::format("{}{} blanks or another case around a known language, which are passed over: {}",
                        unknown.empty() ? "" : "; ", rows_have(mended_rows, rows_), list(mended));
  }
  return note;
}

std::optional<std::string> note_of_language(const std::string& flag, const std::string& value,
                                            const KnownLanguages& known) {
  const KnownLanguages::Meant meant = known.meant_by(value);
  switch (meant.match) {
    case LanguageMatch::kKnown:
      return std::nullopt;
    case LanguageMatch::kMended:
      return fmt::format("{} {}: the model knows it as '{}', which is used", flag, shown(value), meant.language);
    case LanguageMatch::kOtherSpelling:
      return fmt::format("{} {}: the model has not seen this language; its word for it is '{}'", flag, shown(value),
                         meant.suggestion);
    case LanguageMatch::kUnknown:
      break;
  }
  return fmt::format("{} {}: the model has not seen this language; it knows {} ({} stands for an unknown language)",
                     flag, shown(value), known.text(), kUnknownLanguage);
}

std::optional<std::string> note_of_other_words(std::span<const LanguageRows> rows) {
  std::vector<std::string> texts;
  for (const LanguageRows& each : rows) {
    if (std::ranges::find(kPublished, each.language) != kPublished.end()) continue;
    const std::string_view words = words_for(folded(each.language));
    if (words.empty()) continue;
    texts.push_back(
        fmt::format("'{}' ({}) is '{}'", shown(each.language), counted(each.rows, "row"), first_word(words)));
  }
  if (texts.empty()) return std::nullopt;
  if (texts.size() > kMostNamed) texts.resize(kMostNamed);
  return fmt::format(
      "the published models have other words for languages: {}; they are kept as they stand, and the "
      "model will know them by these",
      fmt::join(texts, ", "));
}

}  // namespace canine
