#include "canine/core/utf8.hpp"

#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "canine/core/random.hpp"
#include "support/python.hpp"

namespace canine {
namespace {

TEST_CASE("Every scalar value is written and read back, in the shortest form") {
  std::string text;
  size_t num_wrong = 0;
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c == 0xD800) c = 0xE000;
    text.clear();
    append_code_point(text, c);
    size_t position = 0;
    const bool right = next_code_point(text, position) == c && position == text.size() &&
                       text.size() == (c < 0x80      ? 1u
                                       : c < 0x800   ? 2u
                                       : c < 0x10000 ? 3u
                                                     : 4u) &&
                       find_invalid_utf8(text) == std::string::npos;
    num_wrong += !right;
  }
  CHECK(num_wrong == 0);
  text.clear();
  append_code_point(text, 0xD800);
  append_code_point(text, 0x110000);
  CHECK(text == "\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST_CASE("An ill-formed byte is one U+FFFD") {
  const std::string text =
      "a\xE2\x82"
      "b\xC0\xAF";
  std::vector<char32_t> read;
  for (size_t i = 0; i < text.size();) read.push_back(next_code_point(text, i));
  CHECK(read == std::vector<char32_t>{'a', 0xFFFD, 0xFFFD, 'b', 0xFFFD, 0xFFFD});
}

TEST_CASE("The first bad byte is where Python's strict decoder stops, and white space is Python's") {
  auto cases = nlohmann::json::array();
  std::vector<std::string> texts;
  static constexpr std::string_view kBytes =
      "aaaaaaa\x7F\x80\x8F\x90\x9F\xA0\xBF\xC0\xC1\xC2\xDF\xE0\xE1\xEC\xED\xEE\xEF"
      "\xF0\xF1\xF3\xF4\xF5\xF8\xFF";
  for (uint64_t row = 0; row < 20'000; ++row) {
    Philox random(3, 0, row);
    std::string text;
    for (uint32_t i = 0, length = random.below(20); i < length; ++i) {
      if (random.below(3) == 0)
        append_code_point(text, random.below(0x110000));
      else
        text += kBytes[random.below(random.below(2) == 0 ? 7 : static_cast<uint32_t>(kBytes.size()))];
    }
    std::string hex;
    for (const char byte : text) hex += fmt::format("{:02x}", static_cast<unsigned char>(byte));
    texts.push_back(text);
    cases.push_back(hex);
  }
  const testing::TemporaryFolder folder;
  std::ofstream(folder / "cases.json") << cases;
  const auto results = nlohmann::json::parse(testing::run_python(R"(
import json
def first_bad(text):
    try:
        text.decode('utf-8')
    except UnicodeDecodeError as error:
        return error.start
    return -1
print(json.dumps({'bad': [first_bad(bytes.fromhex(case)) for case in json.load(open('cases.json'))],
                  'space': [c for c in range(0x110000) if chr(c).isspace()]}))
)",
                                                                 folder.path()));
  size_t num_bad = 0;
  for (size_t i = 0; i < texts.size(); ++i) {
    const int64_t expected = results["bad"][i];
    num_bad += expected >= 0;
    INFO(cases[i]);
    if (static_cast<int64_t>(find_invalid_utf8(texts[i])) != expected) {
      CHECK(static_cast<int64_t>(find_invalid_utf8(texts[i])) == expected);
    }
  }
  CHECK(num_bad > 1000);
  CHECK(num_bad < texts.size() - 1000);
  std::vector<int64_t> spaces;
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (is_python_space(c)) spaces.push_back(c);
  }
  CHECK(spaces == results["space"].get<std::vector<int64_t>>());
}

}  // namespace
}  // namespace canine
