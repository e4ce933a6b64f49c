#include "canine/text/text_cleaning.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "canine/core/errors.hpp"
#include "canine/core/utf8.hpp"
#include "canine/text/transliteration.hpp"

namespace canine {
namespace {

constexpr std::string_view kNone = "none";
constexpr std::string_view kPublished = "published";
constexpr std::string_view kReference = "reference";

/// In the order in which they are done.
constexpr std::array<std::pair<std::string_view, bool TextCleaning::*>, 5> kSteps = {{
    {"nfc", &TextCleaning::nfc},
    {"quotes", &TextCleaning::quotes},
    {"lower", &TextCleaning::lower},
    {"ascii", &TextCleaning::ascii},
    {"trim", &TextCleaning::trim},
}};

bool add_step(std::string_view name, TextCleaning& cleaning) {
  for (const auto& [step, field] : kSteps) {
    if (step != name) continue;
    cleaning.*field = true;
    return true;
  }
  return false;
}

std::vector<std::string_view> split_at_commas(std::span<const std::string> words) {
  std::vector<std::string_view> parts;
  for (std::string_view word : words) {
    for (size_t end = word.find(','); end != std::string_view::npos; end = word.find(',')) {
      parts.push_back(word.substr(0, end));
      word.remove_prefix(end + 1);
    }
    parts.push_back(word);
  }
  return parts;
}

void compose(std::string& text) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* composer = icu::Normalizer2::getNFCInstance(error);
  std::string composed;
  if (U_SUCCESS(error) && text.size() <= INT32_MAX) {
    const icu::StringPiece piece(text.data(), static_cast<int32_t>(text.size()));
    if (composer->isNormalizedUTF8(piece, error) && U_SUCCESS(error)) return;
    icu::StringByteSink<std::string> sink(&composed);
    composer->normalizeUTF8(0, piece, sink, nullptr, error);
  }
  if (U_FAILURE(error))
    throw InternalError("ICU cannot compose accents: {}. Is its data installed?", u_errorName(error));
  if (text.size() > INT32_MAX) throw DataError("a text of {} bytes is too long for --clean-text nfc", text.size());
  text = std::move(composed);
}

void strip_quotes_and_brackets(std::string& text) {
  constexpr std::string_view kStripped = "'[]";
  text.erase(text.find_last_not_of(kStripped) + 1);
  text.erase(0, std::min(text.find_first_not_of(kStripped), text.size()));
}

void strip_white_space(std::string& text) {
  size_t begin = std::string::npos;  // of what is kept
  size_t end = 0;
  for (size_t i = 0; i < text.size();) {
    const size_t start = i;
    if (is_python_space(next_code_point(text, i))) continue;
    begin = std::min(begin, start);
    end = i;
  }
  text.erase(end);
  text.erase(0, std::min(begin, text.size()));
}

}  // namespace

TextCleaning TextCleaning::none() { return {.quotes = false}; }
TextCleaning TextCleaning::published() { return {.quotes = false, .lower = true, .ascii = true}; }
TextCleaning TextCleaning::reference() { return {.only_in_training = true}; }

std::optional<TextCleaning> TextCleaning::from_words(std::span<const std::string> words) {
  const std::vector<std::string_view> parts = split_at_commas(words);
  if (parts.empty()) return std::nullopt;
  if (parts.size() == 1) {
    if (parts[0] == kNone) return none();
    if (parts[0] == kPublished) return published();
    if (parts[0] == kReference) return reference();
  }
  TextCleaning cleaning = none();
  for (const std::string_view part : parts) {
    if (!add_step(part, cleaning)) return std::nullopt;
  }
  return cleaning;
}

TextCleaning TextCleaning::from_flag(std::span<const std::string> words) {
  if (const auto cleaning = from_words(words)) return *cleaning;
  throw UsageError("--clean-text: expected {}, got {}", expected_words(), fmt::join(words, " "));
}

std::string TextCleaning::expected_words() {
  std::vector<std::string_view> steps;
  for (const auto& step : kSteps) steps.push_back(step.first);
  return fmt::format("one of {}, {}, {}, or one or more of {}", kNone, kPublished, kReference, fmt::join(steps, ", "));
}

std::vector<std::string> TextCleaning::words() const {
  if (*this == reference()) return {std::string(kReference)};
  std::vector<std::string> words;
  for (const auto& [step, field] : kSteps) {
    if (this->*field) words.emplace_back(step);
  }
  if (words.empty()) words.emplace_back(kNone);
  return words;
}

std::string TextCleaning::text() const { return fmt::format("{}", fmt::join(words(), " ")); }

void TextCleaning::apply(std::string& text, TextUse use) const {
  if (only_in_training && use != TextUse::kTraining) return;
  if (nfc) compose(text);
  if (quotes) strip_quotes_and_brackets(text);
  if (lower) text = lower_case(text);
  if (ascii) text = transliterate(text);
  if (trim) strip_white_space(text);
}

}  // namespace canine
