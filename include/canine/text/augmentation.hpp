#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "canine/core/random.hpp"

namespace canine {

/// Words for the word-insertion transformation: distinct words drawn uniformly, or words drawn by frequency.
/// Immutable after construction; threads may share one.
class WordSource {
 public:
  /// Distinct words, sorted (so runs do not depend on hash order); each is equally likely.
  static WordSource uniform(std::vector<std::string> words);

  /// Words with weights >= 0 (NaN, a missing frequency, counts as 0). Throws DataError if a weight is negative or
  /// infinite, or if none is positive.
  static WordSource weighted(std::vector<std::string> words, std::span<const double> frequencies);

  bool empty() const { return words_.empty(); }

  /// Must not be called on an empty source.
  const std::string& draw(Philox& random) const;

 private:
  std::vector<std::string> words_;
  std::vector<double> cumulative_;  // empty = uniform
};

/// Appends the words of a text, as Python's str.split() finds them (Unicode white space), in their order and as often
/// as they occur. The words are views into `text`.
void append_words(std::string_view text, std::vector<std::string_view>& words);

/// Random changes to training texts, as the Python program makes them (same distributions, own random stream).
class Augmentation {
 public:
  struct Options {
    double augmentation_prob = 0.3;       ///< chance that a text is changed, in [0, 1]
    int num_transformations = 3;          ///< changes per chosen text, >= 0
    double unknown_language_prob = 0.25;  ///< chance that the language becomes "unk", in [0, 1]

    /// Throws UsageError naming the flag.
    void validate() const;
  };

  /// `words` may be null or empty: then there is no word insertion (seven transformations instead of eight).
  /// Throws what Options::validate throws.
  Augmentation(const Options& options, std::shared_ptr<const WordSource> words);

  /// Changes `text` in place, with the probability of the options; it is cleaned after that (text/text_cleaning.hpp).
  /// Sets `language_dropped`. UTF-8 in and out; characters are code points. The same key of `random` gives the same
  /// result on every machine. Takes about a microsecond.
  void apply(std::string& text, bool& language_dropped, Philox& random) const;

 private:
  void transform(std::string& text, Philox& random) const;

  Options options_;
  std::shared_ptr<const WordSource> words_;
};

}  // namespace canine
