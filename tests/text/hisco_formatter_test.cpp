#include "canine/text/hisco_formatter.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/core/random.hpp"
#include "canine/text/hisco_codes.hpp"

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;
using Cells = std::vector<std::optional<std::string_view>>;
using Indices = std::vector<int64_t>;

constexpr std::nullopt_t kMissing = std::nullopt;

/// BOS, the given blocks, PAD up to five blocks, EOS.
Indices sequence_of(const std::vector<Indices>& blocks) {
  Indices sequence = {2};
  for (const Indices& block : blocks) sequence.insert(sequence.end(), block.begin(), block.end());
  sequence.resize(26, 1);
  sequence.push_back(3);
  return sequence;
}

Indices encoded(const Cells& cells) {
  Indices sequence(27, -1);
  const auto reason = HiscoFormatter().encode(cells, sequence);
  INFO("reason: " << reason.value_or("none"));
  REQUIRE_FALSE(reason.has_value());
  return sequence;
}

std::string reason_for(const Cells& cells) {
  Indices sequence(27, -1);
  return HiscoFormatter().encode(cells, sequence).value_or("");
}

TEST_CASE("The shape of HISCO sequences", "[hisco]") {
  const HiscoFormatter formatter;
  CHECK(formatter.layout().num_blocks == 5);
  CHECK(formatter.layout().block_size == 5);
  CHECK(formatter.layout().sequence_length() == 27);
  CHECK(formatter.vocabulary_size() == 19);
}

TEST_CASE("The worked examples of HISCO", "[hisco]") {
  struct Example {
    Cells cells;
    std::vector<Indices> blocks;
    std::string decoded;
  };
  const std::vector<Example> examples = {
      {{"3"}, {{8, 9, 9, 9, 8}}, "01110"},
      {{"123", "0", "2"}, {{8, 11, 13, 13, 8}, {5, 5, 5, 5, 5}, {7, 7, 7, 7, 7}}, "03550&-3&-1"},
      {{"1918", "1917", "3", "4", "5"},
       {{17, 17, 17, 17, 17}, {17, 17, 17, 11, 8}, {8, 9, 9, 9, 8}, {8, 9, 9, 10, 8}, {8, 9, 9, 11, 8}},
       "99999&99930&01110&01120&01130"},
      {{"123.0"}, {{8, 11, 13, 13, 8}}, "03550"},
      {{"0", kMissing, "5"}, {{5, 5, 5, 5, 5}}, "-3"},
      {{"1", kMissing, kMissing, kMissing, kMissing}, {{6, 6, 6, 6, 6}}, "-2"},
      {{"3", "3"}, {{8, 9, 9, 9, 8}, {8, 9, 9, 9, 8}}, "01110&01110"},
  };
  for (const Example& example : examples) {
    CAPTURE(example.decoded);
    CHECK(encoded(example.cells) == sequence_of(example.blocks));
    CHECK(HiscoFormatter().decode(sequence_of(example.blocks)) == example.decoded);
  }
}

TEST_CASE("Codes joined with & are encoded as they are", "[hisco]") {
  const HiscoFormatter formatter;
  Indices sequence(27, -1);
  CHECK(formatter.encode_codes("12345&-1", sequence) == std::nullopt);
  CHECK(sequence == sequence_of({{9, 10, 11, 12, 13}, {7, 7, 7, 7, 7}}));
  CHECK(formatter.decode(sequence) == "12345&-1");
  for (const char* codes : {"", "1234", "123456", "12345&", "&12345", "-4", "-1-1-", "1234a", "12345,12345"}) {
    CAPTURE(codes);
    CHECK_THAT(formatter.encode_codes(codes, sequence).value_or(""), StartsWith("no HISCO code: '"));
  }
  CHECK_THAT(formatter.encode_codes("-1&-1&-1&-1&-1&-1", sequence).value_or(""), StartsWith("too many codes: "));
}

TEST_CASE("Predictions of HISCO are decoded whatever they hold", "[hisco]") {
  struct Example {
    std::vector<Indices> blocks;
    std::string decoded;
  };
  const std::vector<Example> examples = {
      {{{1, 1, 1, 1, 1}, {13, 16, 11, 12, 8}, {1, 1, 1, 1, 8}, {14, 9, 9, 9, 13}, {13, 1, 1, 1, 1}}, "58340&61115"},
      {{{8, 7, 9, 9, 9}}, "0-1111"},  // a special symbol later in the block
      {{{6, 8, 9, 17, 5}}, "-2"},     // and in front
      {{{6, 8, 9, 1, 5}}, ""},        // padding anywhere
      {{{8, 8, 8, 8, 8}}, "00000"},   // no code of HISCO
      {{{0, 8, 8, 8, 8}, {9, 9, 9, 9, 9}}, "11111"},
      {{{8, 8, 8, 8, 18}, {9, 9, 9, 9, 9}}, "11111"},
      {{{8, 3, 8, 8, 8}, {9, 4, 9, 9, 9}, {2, 2, 2, 2, 2}, {3, 3, 3, 3, 3}}, ""},
      {{{8, 8, -5, 8, 8}, {8, 8, int64_t{1} << 40, 8, 8}, {7, 7, 7, 7, 7}}, "-1"},
      {{{5, 0, 18, 4, 3}}, "-3"},  // behind a special code nothing counts
      {{}, ""},
  };
  for (const Example& example : examples) {
    CAPTURE(example.decoded);
    Indices sequence = sequence_of(example.blocks);
    CHECK(HiscoFormatter().decode(sequence) == example.decoded);
    sequence.front() = sequence.back() = 99;  // not looked at
    CHECK(HiscoFormatter().decode(sequence) == example.decoded);
  }
  CHECK_THROWS_AS(HiscoFormatter().decode(Indices{2, 3}), InternalError);
  Philox random(1, 0, 0);
  for (int i = 0; i < 20'000; ++i) {
    Indices sequence(27);
    for (int64_t& index : sequence) index = static_cast<int64_t>(random.below(22)) - 1;
    const std::string decoded = HiscoFormatter().decode(sequence);
    CHECK(decoded.find_first_not_of("-&0123456789") == std::string::npos);
  }
}

TEST_CASE("Every class of HISCO comes back as its code, and the code as its class", "[hisco]") {
  int64_t num_leading_zeros = 0;
  for (int64_t index = 0; index < kNumHiscoCodes; ++index) {
    const std::string cell = std::to_string(index);
    const std::string_view code = hisco_code(index);
    CHECK(HiscoFormatter().decode(encoded({cell})) == code);
    CHECK(find_hisco_code(code) == index);
    Indices sequence(27);
    CHECK(HiscoFormatter().encode_codes(code, sequence) == std::nullopt);
    CHECK(sequence == encoded({cell}));
    num_leading_zeros += code.front() == '0';
  }
  CHECK(num_leading_zeros == 262);
  CHECK(hisco_code(1917) == "99930");
  for (const char* code : {"", "0", "-4", "-", "1110", "01111", "00000", "99998", "999990", "x"}) {
    CHECK(find_hisco_code(code) == -1);
  }
  CHECK_THROWS_AS(hisco_code(-1), InternalError);
  CHECK_THROWS_AS(hisco_code(1919), InternalError);
}

TEST_CASE("Cells are read as Python's float(cell) reads them, if they are whole numbers", "[hisco]") {
  struct Case {
    const char* cell;
    int64_t index;  ///< -1: none
  };
  for (const Case& c :
       std::vector<Case>{{"12", 12},      {"0012", 12},  {" 12 ", 12}, {"12.7", -1},   {"1e2", 100},       {"+5", 5},
                         {"1_0", 10},     {"-0.5", -1},  {"-0", 0},    {"1918.9", -1}, {"00001918", 1918}, {"1919", -1},
                         {"01110", 1110}, {"-1", -1},    {"nan", -1},  {"NAN", -1},    {"inf", -1},        {"-inf", -1},
                         {"1e400", -1},   {"", -1},      {" ", -1},    {"x", -1},      {"12x", -1},        {"1 2", -1},
                         {"9999", -1},    {"61110", -1}, {"0x1", -1},  {"1,0", -1}}) {
    CAPTURE(c.cell);
    CHECK(HiscoFormatter::class_of_cell(c.cell) == c.index);
    if (c.index < 0) {
      CHECK_THAT(reason_for({c.cell}), StartsWith("unknown class: '" + std::string(c.cell) + "'"));
    } else {
      CHECK(HiscoFormatter().decode(encoded({c.cell})) == hisco_code(c.index));
    }
  }
}

TEST_CASE("Rows of HISCO that cannot be encoded say why", "[hisco]") {
  CHECK_THAT(reason_for({"farmer"}), ContainsSubstring("is no number"));
  CHECK_THAT(reason_for({"3", "61110"}),
             ContainsSubstring("'61110' is not from 0 to 1918") && ContainsSubstring("not the codes themselves"));
  CHECK_THAT(reason_for({}), StartsWith("no code: "));
  CHECK_THAT(reason_for({kMissing, "3"}), StartsWith("no code: the first label column is empty"));
  CHECK_THAT(reason_for({"1", "2", "3", "4", "5", "6"}), StartsWith("too many codes: "));
  CHECK(reason_for({"1", "2", "3", "4", "5", kMissing}).empty());
  CHECK_THAT(reason_for({std::string(1000, 'x')}), ContainsSubstring("'" + std::string(60, 'x') + "'"));
  Indices too_short(8);
  CHECK_THROWS_AS(HiscoFormatter().encode(Cells{"3"}, too_short), InternalError);
}

}  // namespace
}  // namespace canine
