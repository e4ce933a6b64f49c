#include "canine/data/code_system.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "canine/core/errors.hpp"
#include "support/general_system.hpp"

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using Columns = std::vector<std::string>;

CodeSystem::Options built_in(FormatterKind kind, Columns columns = {}) {
  CodeSystem::Options options;
  options.formatter.kind = kind;
  options.target_cols = std::move(columns);
  return options;
}

std::shared_ptr<const LabelKey> key_of(std::initializer_list<std::optional<std::string_view>> codes) {
  auto key = std::make_shared<LabelKey>();
  for (const auto& code : codes) key->add(code);
  return key;
}

/// The code that the formatter decodes from the sequence of the cell of a class.
std::string decoded(const CodeSystem& system, int64_t index) {
  const Formatter& formatter = *system.formatter();
  std::vector<int64_t> sequence(static_cast<size_t>(formatter.layout().sequence_length()));
  const std::string cell = system.cell(index).value();
  REQUIRE(formatter.encode(std::vector<std::optional<std::string_view>>{cell}, sequence) == std::nullopt);
  return formatter.decode(sequence);
}

TEST_CASE("HISCO: cells are class numbers, codes have five digits", "[code_system]") {
  const CodeSystem system(built_in(FormatterKind::kHisco));
  CHECK(system.target_cols() == Columns{"code1", "code2", "code3", "code4", "code5"});
  CHECK(system.num_classes() == 1919);
  CHECK(system.key() == nullptr);
  CHECK(system.code(0) == "-3");
  CHECK(system.code(3) == "01110");
  CHECK(system.find("01110") == 3);
  CHECK(system.find("-1") == 2);
  CHECK(system.find("3") == -1);
  CHECK(system.cell(3) == "3");
  CHECK(system.class_of_cell("123.0") == 123);
  CHECK(system.class_of_cell("01110") == 1110);
  CHECK(system.class_of_cell("1919") == -1);
  CHECK_FALSE(system.is_missing(" "));
  CHECK(system.formatter()->vocabulary_size() == 19);
}

TEST_CASE("OCC1950: cells are codes, which are the classes", "[code_system]") {
  const CodeSystem system(built_in(FormatterKind::kOcc1950));
  CHECK(system.target_cols() == Columns{"OCC1950_1", "OCC1950_2"});
  CHECK(system.num_classes() == 1000);
  CHECK(system.code(5) == "005");
  CHECK(system.cell(5) == "005");
  CHECK(system.find("005") == 5);
  CHECK(system.find("5") == -1);
  CHECK(system.class_of_cell("5") == 5);
  CHECK(system.class_of_cell("456.0") == 456);
  CHECK(system.class_of_cell("x") == -1);
  CHECK(system.is_missing(" "));
  CHECK(system.is_missing(""));
  CHECK_FALSE(system.is_missing("5"));
  CHECK(system.formatter()->vocabulary_size() == 16);
}

TEST_CASE("Codes of any system: the key has the classes", "[code_system]") {
  // reference/data.md section 7: row 666, 12 gives classes 7 and 8
  const auto key = key_of({"111", std::nullopt, "222", "333", "?", "444", "555", "666", "12", "777", "888", "999"});
  const CodeSystem system(testing::general_system({"a", "b"}, 3, key));
  CHECK(system.num_classes() == 12);
  CHECK(system.key() == key);
  CHECK(system.class_of_cell("666") == 7);
  CHECK(system.class_of_cell("12") == 8);
  CHECK(system.class_of_cell("012") == -1);
  CHECK(system.class_of_cell("") == -1);
  CHECK(system.code(4) == "?");
  CHECK(system.code(1) == std::nullopt);
  CHECK(system.cell(1) == std::nullopt);
  CHECK(system.cell(8) == "12");
  CHECK(system.find("?") == 4);
  CHECK_FALSE(system.is_missing(" "));
}

TEST_CASE("Every class of a system is what its formatter decodes", "[code_system]") {
  for (const CodeSystem& system :
       {CodeSystem(built_in(FormatterKind::kHisco)), CodeSystem(built_in(FormatterKind::kOcc1950)),
        CodeSystem(testing::general_system({"a"}, 5, key_of({"12", "-3", "A?b", "00007"})))}) {
    for (int64_t index = 0; index < system.num_classes(); ++index) {
      const std::string code = system.code(index).value();
      if (decoded(system, index) != code || system.find(code) != index ||
          system.class_of_cell(*system.cell(index)) != index) {
        FAIL("class " << index << ", code " << code);
      }
    }
    CHECK_THROWS_AS(system.code(-1), InternalError);
    CHECK_THROWS_AS(system.cell(system.num_classes()), InternalError);
  }
}

TEST_CASE("Columns and formatters that do not fit are refused", "[code_system]") {
  const auto refused = [](const CodeSystem::Options& options, const std::string& what) {
    CHECK_THROWS_MATCHES(CodeSystem(options), UsageError, MessageMatches(ContainsSubstring(what)));
  };
  const auto key = key_of({"1"});
  refused(testing::general_system({}, 5, key), "at least one target column");
  refused(testing::general_system({"a"}, 5, nullptr), "key.csv");
  refused(testing::general_system({"a", "a"}, 5, key), "a is named twice");
  refused(built_in(FormatterKind::kOcc1950, {"code1", "code2", "code3"}), "at most 2 label columns");
  refused(built_in(FormatterKind::kHisco, {"a", "b", "c", "d", "e", "f"}), "at most 5 label columns");
  CHECK(CodeSystem(built_in(FormatterKind::kHisco, {"my_code"})).target_cols() == Columns{"my_code"});
  CodeSystem::Options useless = built_in(FormatterKind::kHisco);
  useless.key = key;
  CHECK_THROWS_AS(CodeSystem(useless), InternalError);
}

}  // namespace
}  // namespace canine
