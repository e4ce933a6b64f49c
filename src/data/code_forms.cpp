#include "code_forms.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "canine/core/ascii_lower.hpp"
#include "canine/core/readable.hpp"
#include "canine/text/readable_text.hpp"
#include "canine/text/text_content.hpp"
#include "dates.hpp"

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

/// What separates thousands in front of `text`, or "".
std::string_view thousands_separator(std::string_view text) {
  for (const std::string_view separator : {".", ",", " ", "'", "\u00A0", "\u202F", "\u2019"}) {
    if (text.starts_with(separator)) return separator;
  }
  return "";
}

/// Groups of three digits behind the first one. Codes with points are common, so the digits alone must fit.
bool is_thousands(std::string_view code, int64_t block_size) {
  const bool is_too_long = std::ssize(code) > block_size;
  if (!is_too_long || code.starts_with('0')) return false;
  int64_t digits = take_digits(code);
  const std::string_view separator = thousands_separator(code);
  if (digits < 1 || digits > 3 || separator.empty()) return false;
  while (code.starts_with(separator)) {
    code.remove_prefix(separator.size());
    if (take_digits(code) != 3) return false;
    digits += 3;
  }
  return code.empty() && digits <= block_size;
}

/// Of a number, possibly with a sign in front of it.
CodeForm form_of_number(std::string_view code, int64_t block_size) {
  if (is_thousands(code, block_size)) return CodeForm::kThousands;
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

/// "'00300", "=00300", "=\"00300\"", "\"00300\"".
bool has_text_mark(std::string_view code) {
  const size_t end = code.find_first_not_of("='\"");
  return end > 0 && end != std::string_view::npos && is_digit(code[end]);
}

/// In any language: "#NAME?", "#WERT!", "#NV", "#####" of a column that is too narrow; "Err:502".
bool is_cell_error(std::string_view code) {
  if (code.starts_with("Err:")) return true;
  if (code.size() < 2 || code.front() != '#') return false;
  return code.ends_with('!') || code.ends_with('?') || code == "#NV" || code == "#I/T" ||
         code.find_first_not_of('#') == std::string_view::npos;
}

/// A word as long as a block may be a code. "?" is what the preparation of data makes of empty cells, and tells.
bool is_placeholder(std::string_view code, int64_t block_size) {
  constexpr size_t kLongest = 12;
  if (code == "?") return false;
  if (code == "\\N") return true;  // NULL in the dumps of MySQL and PostgreSQL
  if (content_of(code) != TextContent::kDescription) return true;
  if (std::ssize(code) == block_size || code.size() > kLongest) return false;
  const std::string lower = ascii_lower(code);
  constexpr auto kWords = std::to_array<std::string_view>(
      {"unknown",   "unk",     "missing",  "none",        "nil",    "na",      "n.a.",   "n.a",    "n/a",
       "not known", "no code", "uncoded",  "not coded",   "blank",  "(blank)", "tbd",    "ukendt", "ukjent",
       "unbekannt", "inconnu", "onbekend", "desconocido", "ignoto", "okänd",   "obekant"});
  return std::ranges::find(kWords, lower) != kWords.end();
}

struct Finding {
  CodeForm form;
  std::string_view one;
  std::string_view several;
  std::string_view advice;
};

constexpr auto kFindings = std::to_array<Finding>(
    {{CodeForm::kWholeDecimal, "ends in '.0'", "end in '.0'",
      "Spreadsheets and pandas write whole numbers so where a column has empty cells, and '.0' would become a part of "
      "the code. Save the column as text, or as whole numbers (pandas: read_csv(..., dtype=str))"},
     {CodeForm::kExponent, "is a rounded number", "are rounded numbers",
      "Spreadsheets write large numbers so, and their last digits are lost. Save the column as text"},
     {CodeForm::kThousands, "has a separator of thousands", "have separators of thousands",
      "Spreadsheets show large numbers so: take the separators away, or save the column as text. If they belong to the "
      "codes, a larger --block-size holds them"},
     {CodeForm::kTextMark, "has a mark that keeps a number a text", "have a mark that keeps a number a text",
      "Spreadsheets know it ('00300, =\"00300\"), but it would become a part of the code: take it away, and keep the "
      "column as text"},
     {CodeForm::kDate, "is a date", "are dates",
      "Spreadsheets make dates of codes such as 1-51, and no file shows what they were: take the codes from their "
      "source again, and save the column as text; it may also be the wrong column"},
     {CodeForm::kCellError, "is an error of a spreadsheet", "are errors of a spreadsheet",
      "Its formula has no value: mend it there, or take the row out"},
     {CodeForm::kPlaceholder, "seems to say that there is none", "seem to say that there is none",
      "It counts as a code like any other: take such rows out, or leave the cell empty"}});

}  // namespace

CodeForm form_of(std::string_view code, const FormatterOptions& formatter) {
  if (formatter.kind != FormatterKind::kGeneral || code.empty()) return CodeForm::kOther;
  if (!formatter.use_within_block_sep) {
    const CodeForm form = form_of_number(code, formatter.block_size);
    if (form != CodeForm::kOther) return form;
  }
  if (has_text_mark(code)) return CodeForm::kTextMark;
  if (is_cell_error(code)) return CodeForm::kCellError;
  if (is_date(code)) return CodeForm::kDate;
  return is_placeholder(code, formatter.block_size) ? CodeForm::kPlaceholder : CodeForm::kOther;
}

std::string with_zeros(std::string_view code, int64_t block_size) { return fmt::format("{:0>{}}", code, block_size); }

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

bool CodeForms::any_damaged() const {
  return std::ranges::any_of(columns_, [](const Column& column) {
    for (size_t form = 0; form < column.size(); ++form) {
      if (column[form].codes > 0 && is_damaged(static_cast<CodeForm>(form))) return true;
    }
    return false;
  });
}

std::vector<std::string> CodeForms::findings(const Table& table, const std::vector<std::string>& columns,
                                             const FormatterOptions& formatter) const {
  std::vector<std::string> findings;
  for (size_t i = 0; i < columns.size(); ++i) {
    const auto of = [&](CodeForm form) -> const Count& { return columns_[i][static_cast<size_t>(form)]; };
    const auto add = [&](const Count& count, std::string_view what, std::string_view cause) {
      findings.push_back(fmt::format("column {}: {} {} (first in {}: '{}'). {}", columns[i],
                                     counted(count.codes, "code"), what, table.where(count.first_row),
                                     readable_text(count.first), cause));
    };
    for (const Finding& finding : kFindings) {
      const Count& count = of(finding.form);
      const bool is_meant = finding.form == CodeForm::kWholeDecimal && of(CodeForm::kFraction).codes > 0;
      if (count.codes > 0 && !is_meant) add(count, count.codes == 1 ? finding.one : finding.several, finding.advice);
    }
    if (const Count& fewer = of(CodeForm::kFewerDigits);
        fewer.codes > 0 && fewer.codes < of(CodeForm::kFullDigits).codes) {
      add(fewer,
          fmt::format("{} fewer than {} digits, {} {} {}", fewer.codes == 1 ? "has" : "have", formatter.block_size,
                      format_count(of(CodeForm::kFullDigits).codes),
                      of(CodeForm::kFullDigits).codes == 1 ? "has" : "have", formatter.block_size),
          fmt::format("Were leading zeros lost, as in columns that were read as numbers? '{}' and '{}' are two codes "
                      "for a model",
                      fewer.first, with_zeros(fewer.first, formatter.block_size)));
    }
  }
  return findings;
}

}  // namespace canine
