#include "canine/decode/text_cache.hpp"
// LibTorch's CHECK must not win.
#undef CHECK

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

namespace canine {
namespace {

constexpr size_t kPrefix = 7;  // "en[SEP]"

bool is_new(TextCache& cache, const std::string& description) {
  return cache.find("en[SEP]" + description, kPrefix).second;
}

TEST_CASE("A text is new once") {
  TextCache cache(1 << 20, 100);
  const auto [farmer, fresh] = cache.find("en[SEP]farmer", kPrefix);
  CHECK(fresh);
  CHECK(farmer->prefix() == "en[SEP]");
  CHECK(farmer->description() == "farmer");
  CHECK(cache.find("en[SEP]farmer", kPrefix) == std::pair(farmer, false));
  CHECK(cache.find("da[SEP]farmer", kPrefix).second);
}

TEST_CASE("Texts that come again stay, others are forgotten") {
  // Each takes 7 + 1 + 92 = 100 bytes, so a generation holds four.
  TextCache cache(800, 92);
  for (char c = 'a'; c <= 'z'; ++c) {
    CHECK(is_new(cache, std::string(1, c)));
    CHECK(is_new(cache, "*") == (c == 'a'));
  }
  CHECK_FALSE(is_new(cache, "z"));
  CHECK(is_new(cache, "b"));
}

TEST_CASE("What a cache holds depends on the texts asked for, not on when") {
  const auto texts = [] {
    std::vector<std::string> result;
    for (int i = 0; i < 2000; ++i) result.push_back(std::to_string(i * i % 97 + i % 13));
    return result;
  }();
  TextCache one(2000, 92);
  TextCache other(2000, 92);
  for (const std::string& text : texts) {
    const bool fresh = is_new(one, text);
    REQUIRE(is_new(other, text) == fresh);
  }
}

}  // namespace
}  // namespace canine
