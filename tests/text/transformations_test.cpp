#include "transformations.hpp"

#include <catch2/catch_test_macros.hpp>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "support/chi_square.hpp"

namespace canine {
namespace {

using Frequencies = std::map<Text, int64_t>;
constexpr int kDraws = 60'000;
constexpr double kGenerous = 5;  // standard deviations

/// How often each result comes out of `change` applied to `text` with different keys.
template <typename Change>
Frequencies results_of(const Text& text, const Change& change) {
  Frequencies results;
  for (int i = 0; i < kDraws; ++i) {
    Philox random(7, 3, static_cast<uint64_t>(i));
    Text changed = text;
    change(changed, random);
    ++results[changed];
  }
  return results;
}

/// The results are the expected ones and as frequent as their weights say.
void check_weights(const Frequencies& results, const std::map<Text, double>& expected) {
  std::vector<int64_t> counts;
  std::vector<double> weights;
  for (const auto& [text, weight] : expected) {
    const auto found = results.find(text);
    counts.push_back(found == results.end() ? 0 : found->second);
    weights.push_back(weight);
  }
  int64_t total = 0;
  for (const int64_t count : counts) total += count;
  CHECK(total == kDraws);
  CHECK(testing::chi_square_score(counts, weights) < kGenerous);
}

constexpr std::u32string_view kLetters = U"abcdefghijklmnopqrstuvwxyz";

TEST_CASE("T1 deletes any character") {
  check_weights(results_of(U"abb\U0001F600", delete_character),
                {{U"bb\U0001F600", 1}, {U"ab\U0001F600", 2}, {U"abb", 1}});
  check_weights(results_of(U"x", delete_character), {{U"", 1}});
}

TEST_CASE("T2 replaces a lower-case letter by a neighbouring key") {
  check_weights(results_of(U"a1", hit_neighbouring_key), {{U"q1", 1}, {U"w1", 1}, {U"s1", 1}, {U"z1", 1}, {U"a1", 4}});
  check_weights(results_of(U"A \u00E6{`", hit_neighbouring_key), {{U"A \u00E6{`", 1}});
  const std::map<char32_t, std::u32string> keys = {
      {U'a', U"qwsz"},   {U'b', U"vghn"},   {U'c', U"xdfv"},  {U'd', U"serfcx"}, {U'e', U"wsdr"},  {U'f', U"rtgvcd"},
      {U'g', U"tyhbvf"}, {U'h', U"yujnbg"}, {U'i', U"ujklo"}, {U'j', U"uikmnh"}, {U'k', U"ijolm"}, {U'l', U"kop"},
      {U'm', U"njkl"},   {U'n', U"bhjm"},   {U'o', U"iklp"},  {U'p', U"ol"},     {U'q', U"wa"},    {U'r', U"edft"},
      {U's', U"wedxz"},  {U't', U"rfgy"},   {U'u', U"yhji"},  {U'v', U"cfgb"},   {U'w', U"qase"},  {U'x', U"zsdc"},
      {U'y', U"tghu"},   {U'z', U"asx"}};
  REQUIRE(keys.size() == 26);
  for (const auto& [key, neighbours] : keys) {
    std::set<char32_t> seen;
    for (uint64_t i = 0; i < 200; ++i) {
      Philox random(1, 1, i);
      Text text(1, key);
      hit_neighbouring_key(text, random);
      seen.insert(text.at(0));
    }
    CHECK(seen == std::set<char32_t>(neighbours.begin(), neighbours.end()));
  }
}

TEST_CASE("T3 inserts a letter anywhere, T4 replaces a character by a letter") {
  std::map<Text, double> inserted;
  std::map<Text, double> replaced;
  for (const char32_t letter : kLetters) {
    for (const size_t position : {0, 1, 2}) ++inserted[Text(U"1\u00E6").insert(position, 1, letter)];
    for (const size_t position : {0, 1}) ++replaced[Text(U"e\u00E6").replace(position, 1, 1, letter)];
  }
  CHECK(inserted.size() == 78);
  check_weights(results_of(U"1\u00E6", insert_character), inserted);
  check_weights(results_of(U"e\u00E6", replace_character), replaced);
}

TEST_CASE("T5 swaps neighbours") {
  check_weights(results_of(U"ab\U0001F600d", swap_characters),
                {{U"ba\U0001F600d", 1}, {U"a\U0001F600bd", 1}, {U"abd\U0001F600", 1}});
  check_weights(results_of(U"ab", swap_characters), {{U"ba", 1}});
  check_weights(results_of(U"x", swap_characters), {{U"x", 1}});
}

TEST_CASE("T6 swaps words and joins them with single blanks") {
  check_weights(results_of(U" a\u00A0b\t\x1F c\u3000", swap_words), {{U"b a c", 1}, {U"a c b", 1}});
  check_weights(results_of(U"a b", swap_words), {{U"b a", 1}});
  check_weights(results_of(U"  a\u200Bb  ", swap_words), {{U"  a\u200Bb  ", 1}});
  check_weights(results_of(U" \t ", swap_words), {{U" \t ", 1}});
}

TEST_CASE("T7 puts noise around, and a blank on either side") {
  std::vector<int64_t> sides(3);
  std::vector<int64_t> lengths(41);
  std::map<char32_t, int64_t> symbols;
  for (int i = 0; i < kDraws; ++i) {
    Philox random(11, 0, static_cast<uint64_t>(i));
    Text text = U"#";
    add_noise(text, random);
    const size_t middle = text.find(U" # ");
    REQUIRE(middle != Text::npos);
    const Text front = text.substr(0, middle);
    const Text back = text.substr(middle + 3);
    ++sides[front.empty() ? 0 : back.empty() ? 1 : 2];
    REQUIRE(!(front.empty() && back.empty()));
    for (const Text& part : {front, back}) {
      REQUIRE(part.size() <= 20);
      if (!part.empty()) ++lengths[part.size()];
      for (const char32_t symbol : part) ++symbols[symbol];
    }
  }
  CHECK(testing::chi_square_score(sides, std::vector<double>{1, 1, 2}) < kGenerous);
  const std::vector<double> even(27, 1.0);
  CHECK(testing::chi_square_score(std::span(lengths).subspan(1, 20), std::span(even).first(20)) < kGenerous);
  std::vector<int64_t> counts;
  for (const char32_t letter : kLetters) counts.push_back(symbols[letter]);
  counts.push_back(symbols[U' ']);
  CHECK(symbols.size() == 27);
  CHECK(testing::chi_square_score(counts, even) < kGenerous);
}

TEST_CASE("T7 draws coin, noise, coin, noise, each length before its symbols") {
  for (uint64_t row = 0; row < 40; ++row) {
    Philox random(5, 0, row);
    Text text = U"x";
    add_noise(text, random);

    Philox same(5, 0, row);
    const auto noise = [&] {
      Text part(1 + same.below(20), U' ');
      for (char32_t& symbol : part) {
        const uint32_t drawn = same.below(27);
        symbol = drawn < 26 ? kLetters[drawn] : U' ';
      }
      return part;
    };
    Text front = same.uniform() > 0.5 ? noise() : Text();
    Text back = same.uniform() > 0.5 ? noise() : Text();
    if (front.empty() && back.empty()) {
      front = noise();
      back = noise();
    }
    CHECK(text == front + U" x " + back);
    CHECK(random.next() == same.next());
  }
}

TEST_CASE("T8 inserts a word between words") {
  const auto insert = [](Text& text, Philox& random) { insert_word(text, "s\xC3\xB8n", random); };
  check_weights(results_of(U"a\u2003b ", insert), {{U"s\u00F8n a b", 1}, {U"a s\u00F8n b", 1}, {U"a b s\u00F8n", 1}});
  check_weights(results_of(U"", insert), {{U"s\u00F8n", 1}});
  check_weights(results_of(U"  ", insert), {{U"s\u00F8n", 1}});
}

TEST_CASE("Empty texts stay empty, except with noise and words") {
  for (const auto change :
       {delete_character, hit_neighbouring_key, insert_character, replace_character, swap_characters, swap_words}) {
    check_weights(results_of(U"", change), {{U"", 1}});
  }
  Philox random(1, 2, 3);
  Text text;
  add_noise(text, random);
  CHECK(text.find(U"  ") != Text::npos);
}

}  // namespace
}  // namespace canine
