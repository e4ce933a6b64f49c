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

/// What spreadsheets and pandas make of codes that they take for numbers: "100.0" of 100 in a column with empty cells,
/// "1110" of 01110, "1e+05" of 100000. Such codes are often as good as any other for a model, so nothing else tells.
enum class CodeForm : uint8_t {
  kOther,
  kFullDigits,    ///< as many digits as a block has tokens
  kFewerDigits,   ///< fewer
  kWholeDecimal,  ///< "100.0"
  kFraction,      ///< "100.5"
  kExponent,      ///< "1e+05", "5.8E+04"
};

CodeForm form_of(std::string_view code, int64_t block_size);

/// Forms with more characters than the code itself has.
inline bool is_longer_than_meant(CodeForm form) {
  return form == CodeForm::kWholeDecimal || form == CodeForm::kExponent;
}

/// Forms of the codes of some rows of a table, by label column. Parts of a table can be put together.
class CodeForms {
 public:
  explicit CodeForms(size_t num_columns) : columns_(num_columns) {}

  void add(CodeForm form, std::string_view code, size_t column, int64_t row);

  /// Those of later rows; of as many columns, or of none.
  void append(const CodeForms& later);

  /// A sentence for each column whose codes seem to have lost their form: how many, the first one, what to do. Only
  /// systems of one's own whose codes are strings of characters can lose it; others read numbers.
  std::vector<std::string> findings(const Table& table, const std::vector<std::string>& columns,
                                    const FormatterOptions& formatter) const;

 private:
  struct Count {
    int64_t codes = 0;
    int64_t first_row = 0;
    std::string first = {};
  };
  using Column = std::array<Count, 6>;

  std::vector<Column> columns_;
};

}  // namespace canine
