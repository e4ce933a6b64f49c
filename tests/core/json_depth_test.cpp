#include "canine/core/json_depth.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

std::string nested(size_t levels) { return std::string(levels, '[') + "1" + std::string(levels, ']'); }

TEST_CASE("JSON nests too deeply above the limit only") {
  CHECK_FALSE(nests_too_deeply(""));
  CHECK_FALSE(nests_too_deeply(nested(kMostJsonLevels)));
  CHECK(nests_too_deeply(nested(kMostJsonLevels + 1)));
  CHECK(nests_too_deeply(std::string(1000000, '[')));
  std::string objects;
  for (int i = 0; i <= kMostJsonLevels; ++i) objects += "{\"a\":";
  CHECK(nests_too_deeply(objects));
}

TEST_CASE("Brackets side by side and in texts are no depth") {
  std::string list = "[";
  for (int i = 0; i < 1000; ++i) list += "[{}],";
  CHECK_FALSE(nests_too_deeply(list + "0]"));
  CHECK_FALSE(nests_too_deeply("[\"" + std::string(1000, '[') + "\"]"));
  CHECK_FALSE(nests_too_deeply("[\"\\\"" + std::string(1000, '[') + "\"]"));
  CHECK(nests_too_deeply("[\"\\\\\"," + std::string(1000, '[')));  // the text ends behind an escaped backslash
}

TEST_CASE("The refusal is the caller's error and names the place") {
  CHECK_NOTHROW(refuse_deep_json<DataError>("[[1]]", "a.json"));
  CHECK_THROWS_MATCHES(refuse_deep_json<DataError>(nested(200), "a.json"), DataError,
                       MessageMatches(ContainsSubstring("a.json: expected JSON with at most 100 lists")));
}

}  // namespace
}  // namespace canine
