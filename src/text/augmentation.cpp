#include "canine/text/augmentation.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "canine/core/errors.hpp"
#include "canine/core/utf8.hpp"
#include "transformations.hpp"

namespace canine {
namespace {

constexpr auto kTransformations =
    std::to_array<void (*)(Text&, Philox&)>({delete_character, hit_neighbouring_key, insert_character,
                                             replace_character, swap_characters, swap_words, add_noise});

void check_probability(std::string_view flag, double value) {
  if (!(value >= 0 && value <= 1)) throw UsageError("{}: expected a probability from 0 to 1, got {}", flag, value);
}

}  // namespace

WordSource WordSource::uniform(std::vector<std::string> words) {
  WordSource source;
  std::ranges::sort(words);
  words.erase(std::unique(words.begin(), words.end()), words.end());
  source.words_ = std::move(words);
  return source;
}

WordSource WordSource::weighted(std::vector<std::string> words, std::span<const double> frequencies) {
  if (words.size() != frequencies.size()) {
    throw InternalError("expected one frequency per word, got {} for {} words", frequencies.size(), words.size());
  }
  WordSource source;
  double sum = 0;
  for (size_t i = 0; i < words.size(); ++i) {
    const double frequency = frequencies[i];
    if (frequency < 0 || std::isinf(frequency)) {
      throw DataError("word frequencies: expected a number from 0 on for '{}', got {}", words[i], frequency);
    }
    if (!(frequency > 0)) continue;
    sum += frequency;
    source.words_.push_back(std::move(words[i]));
    source.cumulative_.push_back(sum);
  }
  if (source.words_.empty()) {
    throw DataError("word frequencies: expected at least one word with a frequency above 0, none of {} has one",
                    words.size());
  }
  return source;
}

const std::string& WordSource::draw(Philox& random) const {
  if (cumulative_.empty()) return words_[random.below(static_cast<uint32_t>(words_.size()))];
  const auto found = std::ranges::upper_bound(cumulative_, random.uniform() * cumulative_.back());
  const auto index = static_cast<size_t>(found - cumulative_.begin());
  return words_[std::min(index, words_.size() - 1)];  // the product may be rounded up to the sum
}

void append_words(std::string_view text, std::vector<std::string_view>& words) {
  size_t start = std::string_view::npos;  // of the word being read
  for (size_t i = 0; i < text.size();) {
    const size_t position = i;
    if (!is_python_space(next_code_point(text, i))) {
      start = std::min(start, position);
    } else if (start != std::string_view::npos) {
      words.push_back(text.substr(start, position - start));
      start = std::string_view::npos;
    }
  }
  if (start != std::string_view::npos) words.push_back(text.substr(start));
}

void Augmentation::Options::validate() const {
  check_probability("--augmentation-prob", augmentation_prob);
  check_probability("--unk-lang-prob", unknown_language_prob);
  constexpr int kMostTransformations = 1000;  // of a text of at most thousands of characters
  if (num_transformations < 0 || num_transformations > kMostTransformations) {
    throw UsageError("--num-transformations: expected a number from 0 to {}, got {}", kMostTransformations,
                     num_transformations);
  }
}

Augmentation::Augmentation(const Options& options, std::shared_ptr<const WordSource> words)
    : options_(options), words_(std::move(words)) {
  options_.validate();
  if (words_ && words_->empty()) words_ = nullptr;
}

void Augmentation::apply(std::string& text, bool& language_dropped, Philox& random) const {
  if (random.uniform() <= options_.augmentation_prob) transform(text, random);
  language_dropped = random.uniform() < options_.unknown_language_prob;
}

void Augmentation::transform(std::string& text, Philox& random) const {
  thread_local Text characters;  // kept, so that a row costs no allocation
  characters.clear();
  for (size_t i = 0; i < text.size();) characters += next_code_point(text, i);
  const auto num_choices = static_cast<uint32_t>(kTransformations.size() + (words_ ? 1 : 0));
  for (int i = 0; i < options_.num_transformations; ++i) {
    const uint32_t choice = random.below(num_choices);
    if (choice < kTransformations.size()) {
      kTransformations[choice](characters, random);
    } else {
      insert_word(characters, words_->draw(random), random);
    }
  }
  text.clear();
  for (const char32_t character : characters) append_code_point(text, character);
}

}  // namespace canine
