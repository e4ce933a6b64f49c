#include "code_forms.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "canine/core/readable.hpp"

namespace canine {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Takes the digits at the front of `text` away and returns how many there were.
int64_t take_digits(std::string_view& text) {
  const auto end = std::ranges::find_if_not(text, is_digit);
  const auto digits = end - text.begin();
  text.remove_prefix(static_cast<size_t>(digits));
  return digits;
}

/// What stands behind the digits of a number that have been taken: "e+05", "E+4".
bool is_exponent(std::string_view rest) {
  if (!rest.starts_with("e+") && !rest.starts_with("E+")) return false;
  rest.remove_prefix(2);
  return take_digits(rest) > 0 && rest.empty();
}

}  // namespace

CodeForm form_of(std::string_view code, int64_t block_size) {
  const bool negative = code.starts_with('-');
  if (negative) code.remove_prefix(1);
  const int64_t digits = take_digits(code);
  if (digits == 0) return CodeForm::kOther;
  if (code.empty()) {
    if (negative || digits > block_size) return CodeForm::kOther;  // -1 is often a code of its own
    return digits == block_size ? CodeForm::kFullDigits : CodeForm::kFewerDigits;
  }
  if (is_exponent(code)) return CodeForm::kExponent;
  if (code.front() != '.') return CodeForm::kOther;
  code.remove_prefix(1);
  const std::string_view decimals = code;
  if (take_digits(code) == 0) return CodeForm::kOther;
  if (is_exponent(code)) return CodeForm::kExponent;
  if (!code.empty()) return CodeForm::kOther;
  const bool whole = std::ranges::all_of(decimals, [](char c) { return c == '0'; });
  return whole ? CodeForm::kWholeDecimal : CodeForm::kFraction;
}

void CodeForms::add(CodeForm form, std::string_view code, size_t column, int64_t row) {
  Count& count = columns_[column][static_cast<size_t>(form)];
  if (count.codes++ > 0) return;
  count.first_row = row;
  count.first = code;
}

void CodeForms::append(const CodeForms& later) {
  if (later.columns_.empty()) return;
  for (size_t column = 0; column < columns_.size(); ++column) {
    for (size_t form = 0; form < columns_[column].size(); ++form) {
      Count& count = columns_[column][form];
      const Count& more = later.columns_[column][form];
      if (count.codes == 0) {
        count = more;
      } else {
        count.codes += more.codes;
      }
    }
  }
}

std::vector<std::string> CodeForms::findings(const Table& table, const std::vector<std::string>& columns,
                                             const FormatterOptions& formatter) const {
  std::vector<std::string> findings;
  if (formatter.kind != FormatterKind::kGeneral || formatter.use_within_block_sep) return findings;
  for (size_t i = 0; i < columns.size(); ++i) {
    const auto of = [&](CodeForm form) -> const Count& { return columns_[i][static_cast<size_t>(form)]; };
    const auto add = [&](const Count& count, std::string_view what, std::string_view cause) {
      findings.push_back(fmt::format("column {}: {} {} (first in {}: '{}'). {}", columns[i],
                                     counted(count.codes, "code"), what, table.where(count.first_row), count.first,
                                     cause));
    };
    if (const Count& decimals = of(CodeForm::kWholeDecimal); decimals.codes > 0 && of(CodeForm::kFraction).codes == 0) {
      add(decimals, decimals.codes == 1 ? "ends in '.0'" : "end in '.0'",
          "Spreadsheets and pandas write whole numbers so where a column has empty cells, and '.0' would become a part "
          "of the code. Save the column as text, or as whole numbers (pandas: read_csv(..., dtype=str))");
    }
    if (const Count& exponents = of(CodeForm::kExponent); exponents.codes > 0) {
      add(exponents, exponents.codes == 1 ? "is a rounded number" : "are rounded numbers",
          "Spreadsheets write large numbers so, and their last digits are lost. Save the column as text");
    }
    if (const Count& fewer = of(CodeForm::kFewerDigits);
        fewer.codes > 0 && fewer.codes < of(CodeForm::kFullDigits).codes) {
      add(fewer,
          fmt::format("{} fewer than {} digits, {} {} {}", fewer.codes == 1 ? "has" : "have", formatter.block_size,
                      format_count(of(CodeForm::kFullDigits).codes),
                      of(CodeForm::kFullDigits).codes == 1 ? "has" : "have", formatter.block_size),
          fmt::format("Were leading zeros lost, as in columns that were read as numbers? '{}' and '0{}' are two codes "
                      "for a model",
                      fewer.first, fewer.first));
    }
  }
  return findings;
}

}  // namespace canine
