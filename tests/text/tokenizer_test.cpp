#include "canine/text/tokenizer.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/core/random.hpp"
#include "canine/core/utf8.hpp"
#include "support/python.hpp"
#include "support/safetensors_reader.hpp"
#include "test_paths.hpp"

namespace canine {
namespace {

using Ids = std::vector<int64_t>;
using namespace std::string_literals;

struct Tokens {
  Ids ids;
  Ids mask;
  int64_t num_real = 0;
};

Tokens tokens_of(std::string_view prefix, std::string_view text, size_t max_len) {
  Tokens tokens{Ids(max_len, -1), Ids(max_len, -1)};
  tokens.num_real = tokenize(prefix, text, tokens.ids, tokens.mask);
  return tokens;
}

Ids ids_of(std::string_view text, size_t max_len) { return tokens_of("", text, max_len).ids; }

TEST_CASE("The worked example of the tokenizer") {
  const Tokens tokens = tokens_of("en[SEP]", "job2", 128);
  Ids ids = {57344, 101, 110, 91, 83, 69, 80, 93, 106, 111, 98, 50, 57345};
  Ids mask(13, 1);
  ids.resize(128, 0);
  mask.resize(128, 0);
  CHECK(tokens.num_real == 13);
  CHECK(tokens.ids == ids);
  CHECK(tokens.mask == mask);
}

TEST_CASE("One id per code point, truncated before SEP") {
  CHECK(ids_of("", 4) == Ids{0xE000, 0xE001, 0, 0});
  CHECK(ids_of("\xC3\xA6\xE2\x82\xAC\xF0\x9F\x98\x80", 5) == Ids{0xE000, 0xE6, 0x20AC, 0x1F600, 0xE001});
  CHECK(ids_of("abcdef", 4) == Ids{0xE000, 'a', 'b', 0xE001});
  CHECK(ids_of("abcdef", 2) == Ids{0xE000, 0xE001});
  CHECK(ids_of("a\xFF"
               "b\xC3",
               6) == Ids{0xE000, 'a', 0xFFFD, 'b', 0xFFFD, 0xE001});
  CHECK(tokens_of("abc", "def", 6).ids == Ids{0xE000, 'a', 'b', 'c', 'd', 0xE001});
  CHECK(tokens_of("abcdef", "x", 5).ids == Ids{0xE000, 'a', 'b', 'c', 0xE001});
}

TEST_CASE("U+0000 counts as a character") {
  const Tokens tokens = tokens_of("", "a\0b"s, 6);
  CHECK(tokens.ids == Ids{0xE000, 'a', 0, 'b', 0xE001, 0});
  CHECK(tokens.mask == Ids{1, 1, 1, 1, 1, 0});
}

TEST_CASE("White space right before U+E003 goes, also across the limit and out of the prefix") {
  CHECK(ids_of("a \xC2\xA0\xEE\x80\x83 b", 8) == Ids{0xE000, 'a', 0xE003, ' ', 'b', 0xE001, 0, 0});
  CHECK(ids_of("ab     \xEE\x80\x83", 5) == Ids{0xE000, 'a', 'b', 0xE003, 0xE001});
  CHECK(ids_of("ab     c", 5) == Ids{0xE000, 'a', 'b', ' ', 0xE001});
  CHECK(tokens_of("a ", " \xEE\x80\x83", 5).ids == Ids{0xE000, 'a', 0xE003, 0xE001, 0});
  CHECK(ids_of(" \xEE\x80\x83 \xEE\x80\x83 ", 6) == Ids{0xE000, 0xE003, 0xE003, ' ', 0xE001, 0});
}

TEST_CASE("Room for fewer than two ids, or for another number of mask entries, is a mistake of the caller") {
  Ids one(1);
  Ids two(2);
  CHECK_THROWS_AS(tokenize("", "", one, one), InternalError);
  CHECK_THROWS_AS(tokenize("", "", two, one), InternalError);
}

TEST_CASE("The reference's batches") {
  std::ifstream file(CANINE_FIXTURES "/tiny_a/batch_text.json");
  const auto batches = nlohmann::json::parse(file);
  REQUIRE(batches.size() == 5);
  for (size_t b = 0; b < batches.size(); ++b) {
    const std::string path = CANINE_FIXTURES "/tiny_a/step_batches.safetensors";
    const auto ids = testing::read_int64_rows(path, std::to_string(b) + ".input_ids");
    const auto mask = testing::read_int64_rows(path, std::to_string(b) + ".attention_mask");
    REQUIRE(ids.size() == batches[b].size());
    for (size_t row = 0; row < ids.size(); ++row) {
      const Tokens tokens = tokens_of("", batches[b][row].get<std::string>(), ids[row].size());
      CHECK(tokens.ids == ids[row]);
      CHECK(tokens.mask == mask[row]);
      CHECK(tokens.num_real == std::ranges::count(mask[row], 1));
    }
  }
}

/// Texts of all sorts: private-use specials, every kind of white space, astral characters, NUL, long and empty ones.
std::string odd_text(Philox& random) {
  static constexpr std::u32string_view kOdd =
      U"\uE000\uE001\uE002\uE003\uE003\uE003\uE004\uE005\uF8FF    "
      U"\t\n\r\v\f\x1C\x1D\x1E\x1F\u0085\u00A0\u1680\u2003\u200B"
      U"\u2028\u2029\u202F\u205F\u3000\uFEFF\uFFFD\u00E6\u00DF\u0130\u0301\u4E2D\U0001F600\U000F0000\U0010FFFF[]ab1";
  std::string text;
  const uint32_t length = random.below(random.below(4) == 0 ? 80 : 12);
  for (uint32_t i = 0; i < length; ++i) {
    const char32_t odd = random.below(40) == 0 ? U'\0' : kOdd[random.below(static_cast<uint32_t>(kOdd.size()))];
    append_code_point(text, random.below(3) == 0 ? U'a' + random.below(26) : odd);
  }
  return text;
}

TEST_CASE("Equal to transformers' CanineTokenizer on odd texts") {
  auto cases = nlohmann::json::array();
  for (uint64_t row = 0; row < 600; ++row) {  // from max_len 3 on: at 2 transformers gives up truncating
    Philox random(1, 0, row);
    const std::string prefix = odd_text(random);
    cases.push_back({prefix, odd_text(random), 3 + random.below(random.below(2) == 0 ? 10 : 100)});
  }
  const testing::TemporaryFolder folder;
  std::ofstream(folder / "cases.json") << cases;
  const std::string printed = testing::run_python(R"(
import json, os
os.environ['USE_TORCH'] = '0'
from transformers import CanineTokenizer
tokenizer = CanineTokenizer()
results = []
for prefix, text, max_len in json.load(open('cases.json')):
    encoded = tokenizer(prefix + text, padding='max_length', truncation=True, max_length=max_len,
                        return_attention_mask=True)
    results.append([encoded['input_ids'], encoded['attention_mask']])
print(json.dumps(results))
)",
                                                  folder.path());
  const auto results = nlohmann::json::parse(printed);
  REQUIRE(results.size() == cases.size());
  for (size_t i = 0; i < cases.size(); ++i) {
    const Tokens tokens =
        tokens_of(cases[i][0].get<std::string>(), cases[i][1].get<std::string>(), cases[i][2].get<size_t>());
    INFO("case " << i << ": " << cases[i].dump(-1, ' ', true));
    CHECK(tokens.ids == results[i][0].get<Ids>());
    CHECK(tokens.mask == results[i][1].get<Ids>());
  }
}

}  // namespace
}  // namespace canine
