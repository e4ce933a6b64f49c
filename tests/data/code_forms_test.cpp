#include "code_forms.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;

/// Findings in one column of codes of blocks of 5.
std::vector<std::string> findings_of(const std::vector<std::string>& codes, FormatterOptions formatter = {}) {
  Table table;
  table.path = "x.csv";
  CodeForms forms(1);
  CodeForms later(1);
  for (size_t row = 0; row < codes.size(); ++row) {
    table.line_of_row.push_back(row + 2);
    CodeForms& part = 2 * row < codes.size() ? forms : later;
    part.add(form_of(codes[row], formatter), codes[row], 0, static_cast<int64_t>(row));
  }
  forms.append(later);
  return forms.findings(table, {"code_1"}, formatter);
}

CodeForm form_in_blocks_of_5(std::string_view code) { return form_of(code, {.block_size = 5}); }

TEST_CASE("Forms of codes are told by their characters") {
  struct Case {
    CodeForm form;
    std::vector<std::string> codes;
  };
  const Case cases[] = {
      {CodeForm::kWholeDecimal, {"100.0", "58340.00", "-1.0", "0.0", "100.000"}},
      {CodeForm::kFraction, {"100.5", "0.10", "1.110", "01.110", "61.11"}},
      {CodeForm::kExponent, {"1e+05", "5.8E+04", "1.0e+05"}},
      {CodeForm::kFullDigits, {"01110", "12345"}},
      {CodeForm::kFewerDigits, {"1110", "7"}},
      {CodeForm::kThousands, {"61.110", "61,110", "61 110", "61'110", "61\u00A0110", "61.000"}},
      {CodeForm::kTextMark, {"'00300", "=\"00300\"", "=00300", "\"00300\"", "'1.5"}},
      {CodeForm::kDate,
       {"2011-01-05", "2011-01-05 00:00:00", "2011-01-05T00:00:00Z", "5/1/2011", "1/5/11", "05.01.2011", "05-Jan",
        "jan-51", "5. okt 2011", "05. Mrz", "2011/1/5"}},
      {CodeForm::kCellError, {"#NAME?", "#REF!", "#DIV/0!", "#WERT!", "#NV", "#####", "Err:502"}},
      {CodeForm::kPlaceholder, {"-", "??", "--", "...", "unknown", "Unknown", "UKENDT", "n.a.", "(blank)", "\\N"}},
      {CodeForm::kOther, {"",       "-1",  "?",      "123456", "A10.0",   "1e5",     "10.",           ".0",
                          "1.0.0",  "1e+", "100.0x", "1-51",   "0-61.10", "11-1011", "12-34-56",      "01.11.00",
                          "4.11.2", "A.1", "jan",    "#1",     "baker",   "X-12",    "1.234.567.890", "other"}}};
  for (const Case& each : cases) {
    for (const std::string& code : each.codes) {
      INFO(code);
      CHECK(form_in_blocks_of_5(code) == each.form);
    }
  }
  CHECK(form_of("61.110", {.block_size = 6}) == CodeForm::kFraction);  // the point belongs to the code
  CHECK(form_of("unknown", {.block_size = 7}) == CodeForm::kOther);    // as long as the other codes
  CHECK(form_of("1,110", {.use_within_block_sep = true}) == CodeForm::kOther);
}

TEST_CASE("What spreadsheets and people put in the place of codes is counted with the way to mend it") {
  const auto finding = [](const std::string& code) {
    const auto findings = findings_of({"12345", code, code});
    REQUIRE(findings.size() == 1);
    return findings[0];
  };
  CHECK_THAT(finding("05-Jan"),
             ContainsSubstring("2 codes are dates (first in x.csv, line 3: '05-Jan'). Spreadsheets"));
  CHECK_THAT(finding("'00300"), ContainsSubstring("2 codes have a mark that keeps a number a text"));
  CHECK_THAT(finding("61.110"), ContainsSubstring("take the separators away"));
  CHECK_THAT(finding("#NAME?"), ContainsSubstring("2 codes are errors of a spreadsheet"));
  CHECK_THAT(finding("-"), ContainsSubstring("2 codes seem to say that there is none (first in x.csv, line 3: '-')"));
  const auto of_lists = findings_of({"1,22", "-", "100.0"}, {.use_within_block_sep = true});
  REQUIRE(of_lists.size() == 1);
  CHECK_THAT(of_lists[0], ContainsSubstring("1 code seems to say that there is none"));
}

TEST_CASE("A column of whole numbers with a point is found") {
  const auto findings = findings_of({"100.0", "222.0", "abc", "100.0"});
  REQUIRE(findings.size() == 1);
  CHECK_THAT(findings[0], ContainsSubstring("column code_1: 3 codes end in '.0' (first in x.csv, line 2: '100.0')"));
  CHECK(findings_of({"250.0", "250.1"}).empty());  // a system with decimals
}

TEST_CASE("Lost zeros are found where most codes have all their digits") {
  const auto findings = findings_of({"58340", "1110", "61115", "99999", "-1", "720"});
  REQUIRE(findings.size() == 1);
  CHECK_THAT(findings[0],
             ContainsSubstring("2 codes have fewer than 5 digits, 3 have 5 (first in x.csv, line 3: '1110')"));
  CHECK(findings_of({"1", "12", "123", "12345"}).empty());  // codes of any length
}

TEST_CASE("Rounded numbers are found") {
  const auto findings = findings_of({"12345", "5.8e+04"});
  REQUIRE(findings.size() == 1);
  CHECK_THAT(findings[0], ContainsSubstring("1 code is a rounded number (first in x.csv, line 3: '5.8e+04')"));
}

TEST_CASE("Other systems read numbers, or lists of them") {
  const std::vector<std::string> codes = {"100.0", "12345", "1"};
  CHECK(findings_of(codes, {.kind = FormatterKind::kHisco}).empty());
  CHECK(findings_of(codes, {.kind = FormatterKind::kOcc1950}).empty());
  CHECK(findings_of(codes, {.use_within_block_sep = true}).empty());
}

}  // namespace
}  // namespace canine
