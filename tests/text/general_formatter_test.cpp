#include "canine/text/general_formatter.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <vector>

#include "canine/core/errors.hpp"
#include "support/safetensors_reader.hpp"
#include "test_paths.hpp"

namespace canine {
namespace {

using Catch::Matchers::StartsWith;
using Cells = std::vector<std::optional<std::string_view>>;
using Indices = std::vector<int64_t>;

constexpr std::nullopt_t kMissing = std::nullopt;

/// Sequence of a row that can be encoded.
Indices encoded(const GeneralFormatter& formatter, const Cells& cells) {
  Indices sequence(static_cast<size_t>(formatter.layout().sequence_length()), -1);
  const auto reason = formatter.encode(cells, sequence);
  INFO("reason: " << reason.value_or("none"));
  REQUIRE_FALSE(reason.has_value());
  return sequence;
}

std::string reason_for(const GeneralFormatter& formatter, const Cells& cells) {
  Indices sequence(static_cast<size_t>(formatter.layout().sequence_length()), -1);
  return formatter.encode(cells, sequence).value_or("");
}

struct Example {
  int64_t block_size;
  int64_t num_columns;
  bool separator;
  Cells cells;
  Indices sequence;
  std::string decoded;
};

TEST_CASE("The worked examples of the general formatter") {
  const std::vector<Example> examples = {
      {5,
       2,
       false,
       {"12345", "67890"},
       {2, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1004, 3},
       "12345&67890"},
      {5, 2, false, {"12345", kMissing}, {2, 1005, 1006, 1007, 1008, 1009, 1, 1, 1, 1, 1, 3}, "12345"},
      {5, 2, false, {"?", kMissing}, {2, 2074, 3, 3, 3, 3, 1, 1, 1, 1, 1, 3}, "?"},
      {5, 2, false, {"?", "12"}, {2, 2074, 3, 3, 3, 3, 1005, 1006, 3, 3, 3, 3}, "?&12"},
      {5, 2, false, {"a-b", kMissing}, {2, 2004, 2066, 2005, 3, 3, 1, 1, 1, 1, 1, 3}, "a-b"},
      {5, 2, false, {kMissing, "5"}, {2, 3, 3, 3, 3, 3, 1, 1, 1, 1, 1, 3}, ""},
      {5, 2, false, {"1&2", kMissing}, {2, 1005, 3, 3, 3, 3, 1006, 3, 3, 3, 3, 3}, "1&2"},
      {3, 2, true, {"1,2,3", "14,-2"}, {2, 1005, 1006, 1007, 1018, 1002, 3, 3}, "1,2,3&14,-2"},
      {3, 2, true, {"A,b", kMissing}, {2, 2030, 2005, 3, 1, 1, 1, 3}, "A,b"},
      {8,
       2,
       true,
       {"2,2,1,0,17,2,1,0", kMissing},
       {2, 1006, 1006, 1005, 1004, 1021, 1006, 1005, 1004, 1, 1, 1, 1, 1, 1, 1, 1, 3},
       "2,2,1,0,17,2,1,0"},
      {5,
       3,
       false,
       {"12345", kMissing, "7"},
       {2, 1005, 1006, 1007, 1008, 1009, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 3},
       "12345"},
      {2, 3, false, {"", "a&"}, {2, 3, 3, 2004, 3, 3, 3, 3}, "&a&"},
  };
  for (const Example& example : examples) {
    const GeneralFormatter formatter(example.num_columns, example.block_size, example.separator);
    CHECK(encoded(formatter, example.cells) == example.sequence);
    CHECK(formatter.decode(example.sequence) == example.decoded);
  }
}

TEST_CASE("Decoding drops PAD, BOS, EOS, SEP and indices without a symbol") {
  const GeneralFormatter formatter(2, 3, true);
  CHECK(formatter.decode(Indices{2, 1005, 1, 1007, 1, 1, 1, 3}) == "1,3");
  CHECK(formatter.decode(Indices{2, 1005, 2, 4, 1006, 1, 1, 3}) == "1&2");
  CHECK(formatter.decode(Indices{2, 3, 3, 3, 1006, 3, 3, 3}) == "&2");
  CHECK(formatter.decode(Indices{2, 0, 1005, 2086, 1, 1, 1, 3}) == "1");
  CHECK(formatter.decode(Indices{7, -9, 1005, 1 << 20, 1, 1, 1, 7}) == "1");
  CHECK(formatter.decode(Indices{2, 1, 1, 1, 1, 1, 1, 3}).empty());
  CHECK(formatter.decode(Indices{2, 1, 1, 1, 1006, 1, 1, 3}) == "2");
  CHECK_THROWS_AS(formatter.decode(Indices{2, 3}), InternalError);
}

TEST_CASE("Each of the 2081 symbols has its index and comes back") {
  std::vector<std::string> symbols;
  for (int i = -999; i <= 999; ++i) symbols.push_back(std::to_string(i));
  for (char c = 'a'; c <= 'z'; ++c) symbols.emplace_back(1, c);
  for (char c = 'A'; c <= 'Z'; ++c) symbols.emplace_back(1, c);
  for (const char c : std::string_view("!\"#$%'()*+-./:;<=>?@[\\]^_`{|}~")) symbols.emplace_back(1, c);
  REQUIRE(symbols.size() == 2081);
  const GeneralFormatter formatter(1, 1, true);
  CHECK(formatter.vocabulary_size() == 2087);
  const GeneralFormatter by_character(1, 1, false);
  for (size_t i = 0; i < symbols.size(); ++i) {
    const auto index = static_cast<int64_t>(i) + 5;
    const Indices sequence = {2, index, 3};
    CHECK(encoded(formatter, {symbols[i]}) == sequence);
    CHECK(formatter.decode(sequence) == symbols[i]);
    if (symbols[i].size() == 1) CHECK(encoded(by_character, {symbols[i]}) == sequence);
  }
  CHECK(encoded(formatter, {"~"})[1] == 2085);
}

TEST_CASE("Texts that are no symbols") {
  const GeneralFormatter with(2, 3, true);
  for (const char* token :
       {"01", "1000", "-1000", "-0", "00", "+5", "--1", "ab", "1a", " 1", "1 ", "\xC3\xA9", "-", "1.5"}) {
    const std::string reason = reason_for(with, {token});
    if (std::string_view(token) == "-") {
      CHECK(reason.empty());
    } else {
      CHECK_THAT(reason, StartsWith("unknown token: '" + std::string(token) + "' (part 1 of the code"));
    }
  }
  CHECK_THAT(reason_for(with, {"1,2,"}), StartsWith("unknown token: '' (part 3 of the code '1,2,')"));
  CHECK_THAT(reason_for(with, {kMissing, "1"}), StartsWith("unknown token: '' (part 1 of the code '')"));
  const GeneralFormatter without(2, 5, false);
  CHECK_THAT(reason_for(without, {"12", "1 3"}), StartsWith("unknown character: ' ' (character 2 of the code '1 3')"));
  CHECK_THAT(reason_for(without, {"1,2"}), StartsWith("unknown character: ',' (character 2 of the code '1,2')"));
  CHECK_THAT(reason_for(without, {"a\xC3\xA9"}), StartsWith("unknown character: '\xC3\xA9' (character 2 of"));
  CHECK_THAT(reason_for(without, {std::string_view("a\0", 2)}), StartsWith("unknown character: "));
}

TEST_CASE("Codes and rows that are too long") {
  const GeneralFormatter formatter(2, 3, false);
  CHECK(reason_for(formatter, {"1234"}) == "code too long: '1234' has 4 characters, a block holds 3");
  CHECK(reason_for(formatter, {"1&2", "3"}) ==
        "too many codes: 3 with those that '&' separates, there are 2 target columns");
  CHECK(reason_for(GeneralFormatter(1, 3, false), {"1&2"}) ==
        "too many codes: 2 with those that '&' separates, there is 1 target column");
  CHECK(reason_for(GeneralFormatter(1, 2, true), {"1,2,3"}) == "code too long: '1,2,3' has 3 parts, a block holds 2");
  CHECK(reason_for(formatter, {std::string(100000, '1')}) ==
        "code too long: '" + std::string(60, '1') + "' has 100000 characters, a block holds 3");
  CHECK_THROWS_AS(GeneralFormatter(0, 5, false), UsageError);
  CHECK_THROWS_AS(GeneralFormatter(1, 0, false), UsageError);
}

TEST_CASE("A short code is one with EOS in its block, the question mark in front excepted") {
  const BlockLayout layout{2, 3};
  struct Case {
    Cells cells;
    bool question_mark;
    bool is_short;
  };
  const std::vector<Case> cases = {
      {{"123", "456"}, false, false}, {{"123", kMissing}, false, false}, {{"12", kMissing}, false, true},
      {{"123", "45"}, false, true},   {{"?", kMissing}, true, false},    {{"?", "456"}, true, false},
      {{"?", "45"}, true, true},      {{"?", kMissing}, false, true},    {{kMissing, "456"}, false, true},
  };
  const GeneralFormatter formatter(layout.num_blocks, layout.block_size, false);
  for (const Case& c : cases) {
    CHECK(has_short_code(layout, encoded(formatter, c.cells), c.question_mark) == c.is_short);
  }
  CHECK_FALSE(has_short_code({1, 3}, Indices{2, 2074, 3, 3, 3}, true));
}

TEST_CASE("The reference's target sequences are decoded and encoded again") {
  const GeneralFormatter formatter(2, 5, false);
  for (int batch = 0; batch < 5; ++batch) {
    const std::string name = std::to_string(batch) + ".targets_seq2seq";
    for (const Indices& target : testing::read_int64_rows(CANINE_FIXTURES "/tiny_a/step_batches.safetensors", name)) {
      const std::string codes = formatter.decode(target);
      CHECK_FALSE(codes.empty());
      CHECK(encoded(formatter, {codes}) == target);
    }
  }
}

}  // namespace
}  // namespace canine
