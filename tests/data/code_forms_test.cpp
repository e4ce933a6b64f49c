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
    part.add(form_of(codes[row], formatter.block_size), codes[row], 0, static_cast<int64_t>(row));
  }
  forms.append(later);
  return forms.findings(table, {"code_1"}, formatter);
}

TEST_CASE("Forms of codes are told by their characters") {
  for (const char* code : {"100.0", "58340.00", "-1.0", "0.0"}) CHECK(form_of(code, 5) == CodeForm::kWholeDecimal);
  for (const char* code : {"100.5", "0.10"}) CHECK(form_of(code, 5) == CodeForm::kFraction);
  for (const char* code : {"1e+05", "5.8E+04", "1.0e+05"}) CHECK(form_of(code, 5) == CodeForm::kExponent);
  for (const char* code : {"01110", "12345"}) CHECK(form_of(code, 5) == CodeForm::kFullDigits);
  for (const char* code : {"1110", "7"}) CHECK(form_of(code, 5) == CodeForm::kFewerDigits);
  for (const char* code : {"", "-1", "?", "123456", "A10.0", "1e5", "10.", ".0", "1.0.0", "1e+", "100.0x"}) {
    CHECK(form_of(code, 5) == CodeForm::kOther);
  }
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
