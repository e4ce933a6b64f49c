#include "canine/text/transliteration.hpp"

#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "canine/core/random.hpp"
#include "canine/core/utf8.hpp"
#include "canine/text/text_cleaning.hpp"
#include "support/python.hpp"

namespace canine {
namespace {

using namespace std::string_literals;

/// As for prediction with the published models.
std::string clean_description(std::string text) {
  TextCleaning::published().apply(text, TextUse::kPrediction);
  return text;
}

TEST_CASE("Descriptions are cleaned as for prediction") {
  CHECK(clean_description("Farmer & Baker, 2nd") == "farmer & baker, 2nd");
  CHECK(clean_description("") == "");
  CHECK(clean_description("  Væver ") == "  vaever ");
  CHECK(clean_description("SKRÄDDARE") == "skraddare");
  CHECK(clean_description("Straßenwärter") == "strassenwarter");
  CHECK(clean_description("Þjónn") == "thjonn");
  CHECK(clean_description("ΓΕΩΡΓΟΣ") == "georgos");
  CHECK(clean_description("ἁλιεύς") == "alieus");
  CHECK(clean_description("1º oficial") == "1o oficial");
  CHECK(clean_description("“mason”—l’aîné") == "\"mason\"--l'aine");
  CHECK(clean_description("\xF0\x9F\x98\x80") == "");
  CHECK(clean_description("a\0B"s) == "a\0b"s);
}

TEST_CASE("Lower case as in Python") {
  CHECK(lower_case("ÆØÅ") == "æøå");
  CHECK(lower_case("İ") == "i\xCC\x87");
  CHECK(lower_case("ΟΔΟΣ ΣΑΣ Σ") == "οδος σας σ");
  CHECK(lower_case("ẞ") == "ß");
}

TEST_CASE("Bytes that are not UTF-8 are left out") {
  CHECK(clean_description("A\xFF"
                          "Bä\xC3") == "aba");
  Philox random(3, 0, 0);
  for (int i = 0; i < 20'000; ++i) {
    std::string text(random.below(12), '\0');
    for (char& c : text) c = static_cast<char>(random.below(3) == 0 ? random.below(128) : random.below(256));
    const std::string cleaned = clean_description(text);
    bool is_ascii = true;
    for (const char c : cleaned) is_ascii &= static_cast<unsigned char>(c) < 0x80;
    CHECK(is_ascii);
  }
}

/// Texts that the peers have to clean: every character of the fourteen languages alone, then words of them.
std::vector<std::string> generated_texts() {
  std::vector<char32_t> letters;
  std::vector<char32_t> marks;
  std::vector<char32_t> signs;
  const auto add = [](std::vector<char32_t>& to, char32_t first, char32_t last) {
    for (char32_t c = first; c <= last; ++c) to.push_back(c);
  };
  add(letters, 'A', 'Z');
  add(letters, 'a', 'z');
  add(letters, 0xC0, 0x17F);     // Latin-1 and Latin Extended-A
  add(letters, 0x1E00, 0x1E9A);  // Latin Extended Additional
  add(letters, 0x1EA0, 0x1EF9);
  add(letters, 0x388, 0x3CE);  // Greek
  add(letters, 0x1F00, 0x1FBC);
  add(letters, 0x1FC2, 0x1FCC);
  add(letters, 0x1FD0, 0x1FDB);
  add(letters, 0x1FE0, 0x1FEC);
  add(letters, 0x1FF2, 0x1FFC);
  for (const char32_t c : U"ſÞþĸŊŋƿȝʒȘșȚțƒǅǆǧǫǿǽẞΣσςΑΆϊΰΐϗϛϝϟϡﬀﬁﬂﬃﬄªº") letters.push_back(c);
  add(marks, 0x300, 0x36F);
  add(signs, ' ', '@');
  add(signs, 0xA0, 0xBF);
  add(signs, 0x2010, 0x2027);
  for (const char32_t c :
       U"[\\]^_`{|}~×÷ʹʺʻʼʽʾʿˆˇ˘˙˚˛˜˝΄΅·;͵᾽᾿῀´῾\x2002\x2003\x2009\x200A\x200B\x200C\x200D\x200E\x200F\x2028\x202F"
       U"‰′″‴‵‹›‾⁃⁄⁊⁰⁴⁵⁶⁷⁸⁹ⁿ₀₁₂₃₤₣€₯₰℃℅№℔℞™⅓⅔⅕⅛⅜⅝⅞→−\x3000\xFEFF\xFFFD\t\r\n") {
    signs.push_back(c);
  }
  std::vector<std::string> texts;
  for (const auto* set : {&letters, &marks, &signs}) {
    for (const char32_t c : *set) {
      if (c != 0) append_code_point(texts.emplace_back(), c);
    }
  }
  Philox random(4, 0, 0);
  for (int i = 0; i < 8000; ++i) {
    std::string& text = texts.emplace_back();
    for (uint32_t k = 0, length = 1 + random.below(15); k < length; ++k) {
      const uint32_t kind = random.below(10);
      const auto& set = kind < 6 ? letters : kind < 7 ? marks : signs;
      const char32_t c = set[random.below(static_cast<uint32_t>(set.size()))];
      if (c != 0) append_code_point(text, c);
      if (kind == 9) append_code_point(text, 0x3A3);  // sigma where a word may end
    }
  }
  return texts;
}

struct Cleaned {
  std::vector<std::string> lower;
  std::vector<std::string> ascii;
  std::vector<std::string> both;
};

/// Also each text decomposed and composed: doubles the texts.
Cleaned cleaned_by_python(std::vector<std::string>& texts) {
  const testing::TemporaryFolder folder;
  std::ofstream(folder / "texts.json") << nlohmann::json(texts);
  const auto answer = nlohmann::json::parse(testing::run_python(R"(
import json, unicodedata
from unidecode import unidecode
texts = json.load(open('texts.json'))
texts += [unicodedata.normalize('NFD', text) for text in texts] + [unicodedata.normalize('NFC', text) for text in texts]
texts += [text.upper() for text in texts]
print(json.dumps([texts, [text.lower() for text in texts], [unidecode(text) for text in texts],
                  [unidecode(text.lower()) for text in texts]]))
)",
                                                                folder.path()));
  texts = answer[0].get<std::vector<std::string>>();
  return {answer[1], answer[2], answer[3]};
}

TEST_CASE("Equal to str.lower and Unidecode over the alphabets of the languages") {
  std::vector<std::string> texts = generated_texts();
  const Cleaned python = cleaned_by_python(texts);
  REQUIRE(texts.size() > 40'000);
  size_t num_equal = 0;
  for (size_t i = 0; i < texts.size(); ++i) {
    if (lower_case(texts[i]) == python.lower[i] && transliterate(texts[i]) == python.ascii[i] &&
        clean_description(texts[i]) == python.both[i]) {
      ++num_equal;
      continue;
    }
    std::string points;
    for (size_t k = 0; k < texts[i].size();) {
      points += fmt::format("U+{:04X} ", static_cast<uint32_t>(next_code_point(texts[i], k)));
    }
    INFO(points);
    CHECK(lower_case(texts[i]) == python.lower[i]);
    CHECK(transliterate(texts[i]) == python.ascii[i]);
    CHECK(clean_description(texts[i]) == python.both[i]);
  }
  CHECK(num_equal == texts.size());
}

TEST_CASE("Threads may clean at the same time") {
  std::string text;
  for (char32_t c = 0x80; c < 0x30000; c += 61) append_code_point(text, c);
  std::vector<std::string> cleaned(4);
  std::vector<std::thread> threads;
  for (std::string& result : cleaned) threads.emplace_back([&] { result = clean_description(text); });
  for (std::thread& thread : threads) thread.join();
  for (const std::string& result : cleaned) CHECK(result == clean_description(text));
}

}  // namespace
}  // namespace canine
