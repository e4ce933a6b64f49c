#include "canine/exchange/label_key_text.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cmath>

#include "canine/core/errors.hpp"

namespace canine {
namespace {

LabelKey odd_key() {
  LabelKey key;
  key.add("58340");
  key.add(std::nullopt);
  key.add("0\"1\n");
  key.add("\xc3\xa6");
  return key;
}

TEST_CASE("a key comes back from a checkpoint's dict, the missing class as NaN") {
  const PickleValue value = to_value(odd_key());
  const auto& items = value.as_dict("key").items;
  REQUIRE(items.size() == 4);
  CHECK(std::isnan(items[1].first.as_double("")));
  CHECK(items[2].second.as_int("") == 2);
  CHECK(key_of_value(value, "key") == odd_key());
}

TEST_CASE("a key comes back from key.json, whose entries may stand in any order") {
  CHECK(key_of_json(to_json(odd_key()), "key.json") == odd_key());
  CHECK(key_of_json(R"({"b": 1, "a": 0, "NaN": 2})", "key.json").code(0) == "a");
  CHECK_FALSE(key_of_json(R"({"b": 1, "a": 0, "NaN": 2})", "key.json").code(2).has_value());
}

TEST_CASE("keys whose classes are not 0, 1, 2, ... are refused") {
  const std::string text =
      GENERATE(R"({"a": 1})", R"({"a": 0, "b": 0})", R"({"a": 0, "b": 2})", R"({"a": -1})", R"({"a": 0.5})",
               R"({"a": "0"})", R"(["a"])", "", R"({"a": 0)", R"({"a": 0, "a": 1})");
  CAPTURE(text);
  CHECK_THROWS_AS(key_of_json(text, "key.json"), CheckpointError);
}

TEST_CASE("a key of a million lists inside one another is refused") {
  const std::string deep = std::string(1000000, '[') + std::string(1000000, ']');
  CHECK_THROWS_AS(key_of_json("{\"a\": " + deep + "}", "key.json"), CheckpointError);
}

TEST_CASE("dicts that are no key are refused") {
  const PickleValue value =
      GENERATE(PickleValue(3), PickleValue(PickleValue::Dict{{{"a", "0"}}}), PickleValue(PickleValue::Dict{{{1, 0}}}),
               PickleValue(PickleValue::Dict{{{1.5, 0}}}), PickleValue(PickleValue::Dict{{{"a", 0}, {"a", 1}}}));
  CHECK_THROWS_AS(key_of_value(value, "key"), CheckpointError);
}

}  // namespace
}  // namespace canine
