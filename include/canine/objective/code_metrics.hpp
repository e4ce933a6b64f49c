#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace canine {

/// What one row says and what was predicted for it. Codes are sets: a code that comes twice counts once, and their
/// order does not matter. A code is its class, or a number below 0 if it has none (a prediction may spell what is no
/// code).
struct RowCodes {
  std::span<const int64_t> labels;
  std::span<const int64_t> predicted;  ///< decoded without knowing the labels
  std::span<const int64_t>
      likeliest;  ///< classes of the flat head, likeliest first; those behind the k-th do not count
};

/// How often a code was in the labels, predicted, and both, in numbers of rows.
struct CodeCounts {
  int64_t labels = 0;           ///< rows that have the code ("support")
  int64_t predicted = 0;        ///< rows for which it was predicted
  int64_t right = 0;            ///< both
  int64_t among_likeliest = 0;  ///< rows that have it and for which it is among the k likeliest classes

  CodeCounts& operator+=(const CodeCounts& other);

  // As scikit-learn with zero_division=0: 0 where there is nothing to divide by.
  double precision() const;    ///< right / predicted
  double recall() const;       ///< right / labels
  double f1() const;           ///< 2 right / (predicted + labels)
  double flat_recall() const;  ///< among_likeliest / labels
};

/// Means over codes.
struct MeanScores {
  double precision = 0;
  double recall = 0;
  double f1 = 0;
};

/// Honest metrics of decoding: what a user gets who has no labels, against the labels. Sums and counts, exact in any
/// order of adding; those of groups of rows (languages, processes) can be added.
///
///   exact match   share of rows whose predicted set of codes is the set of their labels; a row without codes matches
///                 if nothing is predicted
///   micro         precision, recall and F1 of all (row, code) pairs together, predictions without class included
///   macro         unweighted means of the codes' own figures, over the classes that occur in labels or predictions
///                 (scikit-learn's average="macro" over those labels); codes without class are not among them
///   top k         share of rows whose codes are all among the k likeliest classes of the flat head; a row without
///   codes
///                 counts, a row with more than k codes, or one without class, cannot
class CodeMetrics {
 public:
  /// `k` classes of the flat head are looked at, at least 0.
  explicit CodeMetrics(int64_t k = 0) : top_k_rows_(static_cast<size_t>(k)) {}

  void add(const RowCodes& row);
  /// Those of other rows; of the same k.
  CodeMetrics& operator+=(const CodeMetrics& other);

  int64_t rows() const { return rows_; }
  int64_t exact_rows() const { return exact_rows_; }
  int64_t k() const { return static_cast<int64_t>(top_k_rows_.size()); }

  double exact_match() const;
  /// Top-k accuracy for 1 <= k <= k().
  double top_k(int64_t k) const;
  MeanScores micro() const;
  MeanScores macro() const;

  /// Of every class that occurs in labels or predictions.
  const std::map<int64_t, CodeCounts>& codes() const { return codes_; }
  /// Of the codes without class, together.
  const CodeCounts& classless() const { return classless_; }
  /// Of all codes together.
  CodeCounts total() const;

 private:
  CodeCounts& counts_of(int64_t code) { return code < 0 ? classless_ : codes_[code]; }

  int64_t rows_ = 0;
  int64_t exact_rows_ = 0;
  std::vector<int64_t> top_k_rows_;  // [j]: rows whose codes are all among the j + 1 likeliest classes
  std::map<int64_t, CodeCounts> codes_;
  CodeCounts classless_;
};

}  // namespace canine
