#include "canine/data/key.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "support.hpp"
#include "support/python.hpp"
#include "support/temporary_folder.hpp"
#include "test_paths.hpp"

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

LabelKey read_text(const std::string& text) {
  const testing::TemporaryFolder folder;
  write_file(folder / "key.csv", text, false);
  return LabelKey::read(folder / "key.csv");
}

TEST_CASE("Codes are numbered in order of first appearance", "[key]") {
  LabelKey key;
  CHECK(key.add("111") == 0);
  CHECK(key.add(std::nullopt) == 1);
  CHECK(key.add("222") == 2);
  CHECK(key.add("111") == 0);
  CHECK(key.add(std::nullopt) == 1);
  CHECK(key.size() == 3);
  CHECK(key.find("222") == 2);
  CHECK(key.find("333") == -1);
  CHECK(key.find("") == -1);
  CHECK(key.code(0) == "111");
  CHECK(key.code(1) == std::nullopt);
}

TEST_CASE("A key survives its file", "[key]") {
  LabelKey key;
  for (const char* code : {"00123", "1,2,3", "say \"x\"", "?", "12&34", "line\nbreak", "-1", "\xC3\xB8l"})
    key.add(code);
  key.add(std::nullopt);
  key.add("99999");
  const testing::TemporaryFolder folder;
  key.write(folder / "key.csv");
  CHECK(LabelKey::read(folder / "key.csv") == key);
}

TEST_CASE("key.csv is written as pandas writes it", "[key]") {
  LabelKey key;
  key.add("1,2");
  key.add(std::nullopt);
  key.add("?");
  CHECK(key.to_csv() == "system_code,code\n\"1,2\",0\n,1\n?,2\n");
}

TEST_CASE("Keys of the Python program are read", "[key]") {
  const LabelKey key = LabelKey::read(CANINE_FIXTURES "/tiny_a/prepared/blank/key.csv");
  REQUIRE(key.size() == 8);
  CHECK(key.code(3) == "?");
  CHECK(key.find("44444") == 6);
  CHECK(key.code(7) == std::nullopt);
  CHECK(key.to_csv() == read_file(CANINE_FIXTURES "/tiny_a/prepared/blank/key.csv"));
}

TEST_CASE("Damaged keys are refused with the line", "[key]") {
  CHECK_THROWS_MATCHES(read_text("system_code,code\n1,0\n2,2\n"), DataError,
                       MessageMatches(ContainsSubstring("line 3") && ContainsSubstring("expected 1")));
  CHECK_THROWS_MATCHES(read_text("system_code,code\n1,0\n1,1\n"), DataError,
                       MessageMatches(ContainsSubstring("line 3") && ContainsSubstring("'1'")));
  CHECK_THROWS_MATCHES(read_text("system_code,code\n,0\nNA,1\n"), DataError,
                       MessageMatches(ContainsSubstring("line 3") && ContainsSubstring("missing")));
  CHECK_THROWS_AS(read_text("system_code,code\n1,zero\n"), DataError);
  CHECK_THROWS_AS(read_text("system_code,code\n1,\n"), DataError);
  CHECK_THROWS_AS(read_text("system_code,code\n1,0.0\n"), DataError);
  CHECK_THROWS_AS(read_text("code\n1\n"), DataError);
  CHECK_THROWS_AS(LabelKey::read("/nowhere/key.csv"), IoError);
}

/// Files of two label columns and what their key says.
struct CodeFiles {
  std::filesystem::path add(const std::string& text) {
    return testing::write_text(folder / (std::to_string(++count) + ".csv"), text);
  }
  LabelKey collect() {
    const testing::Captured captured(STDERR_FILENO);
    LabelKey key = collect_key(train, val, {"b", "a"});
    err = captured.text();
    return key;
  }
  static std::string codes(const LabelKey& key) {
    std::string text;
    for (int64_t i = 0; i < key.size(); ++i) text += key.code(i).value_or("(missing)") + " ";
    return text;
  }

  testing::TemporaryFolder folder;
  int count = 0;
  std::vector<std::filesystem::path> train, val;
  std::string err;
};

TEST_CASE("A key of several files follows files, rows and columns in their order", "[key]") {
  CodeFiles files;
  files.train = {files.add("occ1,a,b\nx,1,2\ny,3,1\n"), files.add("b,a\n5,4\n2,\n")};
  files.val = {files.add("a,b\n4,5\n")};
  CHECK(CodeFiles::codes(files.collect()) == "2 1 3 5 4 ");
  CHECK(files.err.empty());
}

TEST_CASE("Missing cells make no class and end their row; codes of validation files only are counted", "[key]") {
  CodeFiles files;
  files.train = {files.add("a,b\n1,\n,2\nNA,\n")};  // 1 stands behind a missing cell
  files.val = {files.add("a,b\n3,2\n1,4\n")};
  CHECK(CodeFiles::codes(files.collect()) == "2 3 4 1 ");
  CHECK_THAT(files.err, ContainsSubstring("3 of 4 codes are in the validation files only"));
  files.val.clear();
  files.train = {files.add("a,b\n1,\n")};
  CHECK_THROWS_MATCHES(files.collect(), DataError, MessageMatches(ContainsSubstring("no row")));
  files.train = {files.add("a,c\n1,\n")};
  CHECK_THROWS_MATCHES(files.collect(), DataError, MessageMatches(ContainsSubstring("'b'")));
}

TEST_CASE("CSV and Parquet files share a key", "[key]") {
  CodeFiles files;
  files.train = {files.add("a,b\n10,7\n"), files.folder / "more.parquet"};
  testing::run_python(
      "import pandas\n"
      "pandas.DataFrame({'a': [None, 'x'], 'b': [7.0, 8.0]}).to_parquet('more.parquet')\n",
      files.folder.path());
  CHECK(CodeFiles::codes(files.collect()) == "7 10 8 x ");
}

}  // namespace
}  // namespace canine
