#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace canine {

/// "3 rows have " what empty() counts.
inline constexpr std::string_view kNoDescription =
    "no description (an empty cell, nothing that can be seen, or a word for missing values such as NA)";

/// What stands in a column of descriptions, counted text by text: how many rows have none, how many have signs only,
/// and whether the column is one of numbers or dates, which is somebody's mistake of columns.
class DescriptionSurvey {
 public:
  /// `missing`: the file says that there is none.
  void add(std::string_view text, bool missing = false);

  int64_t rows() const { return rows_; }
  /// Rows without a description: missing, a word for that such as NA, or nothing that can be seen.
  int64_t empty() const { return empty_; }
  /// Rows whose description has neither a letter nor a digit.
  int64_t letterless() const { return letterless_; }

  /// Notes on descriptions of signs, and on a column of numbers or dates; `column` names it as the user does ("--col
  /// id", "column occ1").
  void note(std::string_view column) const;

 private:
  enum class Kind { kText, kNumber, kDate, kTruth };
  static constexpr size_t kNumKinds = 4;
  static Kind kind_of(std::string_view text);

  int64_t rows_ = 0;
  int64_t empty_ = 0;
  int64_t letterless_ = 0;
  std::vector<std::string> signs_;             ///< the first descriptions without a letter
  int64_t sampled_ = 0;                        ///< descriptions whose kind was looked at
  std::array<int64_t, kNumKinds> kinds_{};     ///< of those
  std::array<std::string, kNumKinds> firsts_;  ///< the first of each kind
};

}  // namespace canine
