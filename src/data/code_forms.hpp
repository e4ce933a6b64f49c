#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "canine/table/table.hpp"
#include "canine/text/make_formatter.hpp"

namespace canine {

/// What spreadsheets and pandas make of codes: "100.0" of 100 in a column with empty cells, "1110" of 01110, "1e+05" of
/// 100000, a date of 1-51. And what people write where they have no code. All of this is often as good as any other
/// code for a model, so nothing else tells.
enum class CodeForm : uint8_t {
  kOther,
  kFullDigits,    ///< as many digits as a block has tokens
  kFewerDigits,   ///< fewer
  kFraction,      ///< "100.5"
  kWholeDecimal,  ///< "100.0"
  kExponent,      ///< "1e+05", "5.8E+04"
  kThousands,     ///< "61.110", "61,110", where a block holds the digits and not the point
  kTextMark,      ///< "'00300", "=\"00300\"": the mark that keeps a number a text
  kDate,          ///< "2011-01-05", "5/1/2011", "05-Jan", "Jan-51"
  kCellError,     ///< "#NAME?", "#REF!"
  kPlaceholder,   ///< "-", "...", "unknown"
};
inline constexpr size_t kNumCodeForms = static_cast<size_t>(CodeForm::kPlaceholder) + 1;

/// Only systems of one's own have forms that can be lost; of lists ("1,22,333") none that make a number of a code.
CodeForm form_of(std::string_view code, const FormatterOptions& formatter);

/// A code of fewer digits as it stood before its leading zeros were lost: "00307" of "307" in blocks of five.
std::string with_zeros(std::string_view code, int64_t block_size);

/// Forms that have another length than the codes that were meant.
inline bool is_damaged(CodeForm form) { return form >= CodeForm::kWholeDecimal; }

/// Forms of the codes of some rows of a table, by label column. Parts of a table can be put together.
class CodeForms {
 public:
  explicit CodeForms(size_t num_columns) : columns_(num_columns) {}

  void add(CodeForm form, std::string_view code, size_t column, int64_t row);

  /// Those of later rows; of as many columns, or of none.
  void append(const CodeForms& later);

  /// Whether there are codes whose length says nothing.
  bool any_damaged() const;

  /// A sentence for each column and form that is usually a mistake: how many codes, the first one, what to do.
  std::vector<std::string> findings(const Table& table, const std::vector<std::string>& columns,
                                    const FormatterOptions& formatter) const;

 private:
  struct Count {
    int64_t codes = 0;
    int64_t first_row = 0;
    std::string first = {};
  };
  using Column = std::array<Count, kNumCodeForms>;

  std::vector<Column> columns_;
};

}  // namespace canine
