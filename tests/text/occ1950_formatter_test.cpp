#include "canine/text/occ1950_formatter.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <vector>

#include "canine/core/errors.hpp"

namespace canine {
namespace {

using Catch::Matchers::StartsWith;
using Cells = std::vector<std::optional<std::string_view>>;
using Indices = std::vector<int64_t>;

constexpr std::nullopt_t kMissing = std::nullopt;

Indices encoded(const Cells& cells) {
  Indices sequence(8, -1);
  const auto reason = Occ1950Formatter().encode(cells, sequence);
  INFO("reason: " << reason.value_or("none"));
  REQUIRE_FALSE(reason.has_value());
  return sequence;
}

std::string reason_for(const Cells& cells) {
  Indices sequence(8, -1);
  return Occ1950Formatter().encode(cells, sequence).value_or("");
}

TEST_CASE("The shape of OCC1950 sequences", "[occ1950]") {
  const Occ1950Formatter formatter;
  CHECK(formatter.layout().num_blocks == 2);
  CHECK(formatter.layout().block_size == 3);
  CHECK(formatter.layout().sequence_length() == 8);
  CHECK(formatter.vocabulary_size() == 16);
}

TEST_CASE("The worked examples of OCC1950", "[occ1950]") {
  struct Example {
    Cells cells;
    Indices sequence;
    std::string decoded;
  };
  const std::vector<Example> examples = {
      {{"123", " "}, {2, 6, 7, 8, 1, 1, 1, 3}, "123"},
      {{"23", "456"}, {2, 5, 7, 8, 9, 10, 11, 3}, "023&456"},
      {{"5", kMissing}, {2, 5, 5, 10, 1, 1, 1, 3}, "005"},
      {{"12", "7"}, {2, 5, 6, 7, 5, 5, 12, 3}, "012&007"},
      {{"999"}, {2, 14, 14, 14, 1, 1, 1, 3}, "999"},
      {{"0", ""}, {2, 5, 5, 5, 1, 1, 1, 3}, "000"},
      {{"23.0", "456.0"}, {2, 5, 7, 8, 9, 10, 11, 3}, "023&456"},
  };
  for (const Example& example : examples) {
    CAPTURE(example.decoded);
    CHECK(encoded(example.cells) == example.sequence);
    CHECK(Occ1950Formatter().decode(example.sequence) == example.decoded);
  }
}

TEST_CASE("Every code of OCC1950 is its own class", "[occ1950]") {
  for (int64_t index = 0; index < 1000; ++index) {
    const std::string cell = std::to_string(index);
    CHECK(Occ1950Formatter::class_of_cell(cell) == index);
    const std::string code = Occ1950Formatter().decode(encoded({cell}));
    CHECK(code == std::string(3 - cell.size(), '0') + cell);
    CHECK(Occ1950Formatter::class_of_cell(code) == index);
    CHECK(encoded({code}) == encoded({cell}));
  }
}

TEST_CASE("Predictions of OCC1950 are decoded whatever they hold", "[occ1950]") {
  const Occ1950Formatter formatter;
  CHECK(formatter.decode(Indices{2, 1, 1, 1, 6, 7, 8, 3}) == "123");
  CHECK(formatter.decode(Indices{2, 6, 1, 8, 6, 7, 8, 3}) == "123");
  CHECK(formatter.decode(Indices{2, 6, 7, 15, 6, 7, 8, 3}) == "123");  // the spare index
  CHECK(formatter.decode(Indices{2, 0, 7, 8, 3, 3, 3, 3}).empty());
  CHECK(formatter.decode(Indices{2, 6, 7, 4, 2, 7, 8, 3}).empty());
  CHECK(formatter.decode(Indices{9, -7, 7, 8, 6, 7, 1 << 20, 9}).empty());
  CHECK(formatter.decode(Indices{2, 1, 1, 1, 1, 1, 1, 3}).empty());
  CHECK_THROWS_AS(formatter.decode(Indices{2, 3}), InternalError);
}

TEST_CASE("Rows of OCC1950 that cannot be encoded say why", "[occ1950]") {
  for (const char* cell : {"1000", "-1", "-5", " 5", "5 ", "1.5", "5.00", ".0", "1e2", "abc", "nan", "1_0", "  "}) {
    CAPTURE(cell);
    CHECK(Occ1950Formatter::class_of_cell(cell) == -1);
    CHECK_THAT(reason_for({"123", cell}), StartsWith("unknown code: '" + std::string(cell) + "'"));
  }
  CHECK_THAT(reason_for({}), StartsWith("no code: "));
  CHECK_THAT(reason_for({kMissing, "123"}), StartsWith("no code: "));
  CHECK_THAT(reason_for({" ", "123"}), StartsWith("no code: "));
  CHECK_THAT(reason_for({"1", "2", "3"}), StartsWith("too many codes: "));
  Indices too_long(27);
  CHECK_THROWS_AS(Occ1950Formatter().encode(Cells{"3"}, too_long), InternalError);
}

}  // namespace
}  // namespace canine
