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

/// What stands in a column of descriptions, counted text by text: how many rows have none, signs only, or what a wrong
/// encoding has left; and whether the column is one of numbers or dates, or of whole rows, which is a mistake of
/// columns or of their separator.
class DescriptionSurvey {
 public:
  /// `missing`: the file says that there is none.
  void add(std::string_view text, bool missing = false);

  int64_t rows() const { return rows_; }
  /// Rows without a description: missing, a word for that such as NA, or nothing that can be seen.
  int64_t empty() const { return empty_; }
  /// Rows whose description has neither a letter nor a digit.
  int64_t letterless() const { return letterless_; }

  /// Warnings of damaged texts and of whole rows, notes on descriptions of signs, and on a column of numbers or dates;
  /// `column` names it as the user does ("--col id", "column occ1").
  void tell(std::string_view column) const;

 private:
  enum class Kind { kText, kNumber, kDate, kTruth };
  static constexpr size_t kNumKinds = 4;
  static Kind kind_of(std::string_view text);

  /// Of a kind of damage.
  struct Damaged {
    int64_t count = 0;
    std::string first;
  };

  void sample(std::string_view text);
  bool is_nearly_all(int64_t count) const { return count > 0 && count * 20 >= sampled_ * 19; }
  void tell_damage(std::string_view column) const;

  int64_t rows_ = 0;
  int64_t empty_ = 0;
  int64_t letterless_ = 0;
  Damaged lost_;
  Damaged misread_;
  std::vector<std::string> signs_;             ///< the first descriptions without a letter
  int64_t sampled_ = 0;                        ///< descriptions whose kind was looked at
  std::array<int64_t, kNumKinds> kinds_{};     ///< of those
  std::array<std::string, kNumKinds> firsts_;  ///< the first of each kind
  std::array<int64_t, 3> separated_{};         ///< of those sampled, with each of the separators that are not read
};

}  // namespace canine
