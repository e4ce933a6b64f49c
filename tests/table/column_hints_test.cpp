#include "canine/table/column_hints.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/table/folder_hint.hpp"
#include "canine/table/table.hpp"
#include "support/temporary_folder.hpp"

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

TEST_CASE("Names that differ in what cannot be seen are shown escaped") {
  const auto hint = [](const std::string& present, const std::string& absent) {
    return absent_column_hint("file.csv", {"id", present}, {absent});
  };
  CHECK_THAT(hint("occ1 ", "occ1"), ContainsSubstring("'occ1' and 'occ1 ' differ only in blanks, case,"));
  CHECK_THAT(hint("Occ1", "occ1"), ContainsSubstring("'occ1' and 'Occ1' differ only"));
  CHECK_THAT(hint("\xC2\xA0occ1", "occ1"), ContainsSubstring("'occ1' and $'\\u00A0occ1' differ only"));
  CHECK_THAT(hint("\xEF\xBB\xBFocc1", "occ1"), ContainsSubstring("$'\\uFEFFocc1'"));
  CHECK_THAT(hint("oc\xE2\x80\x8B"
                  "c1\t",
                  "occ1"),
             ContainsSubstring("$'oc\\u200Bc1\\t'"));
  CHECK_THAT(hint("me\xCC\x81tier", "m\xC3\xA9tier"), ContainsSubstring("$'m\\u00E9tier' and $'me\\u0301tier'"));
  CHECK(hint("occ2", "occ1").empty());
  CHECK(list_of_names({"a",
                       "\xC2\xA0"
                       "b ",
                       "\xC3\xA6", "c\xE2\x80\x8B"}) == "'a', '\\u00A0b ', '\xC3\xA6', 'c\\u200B'");
}

TEST_CASE("Other separators, partitions and missing headers are guessed from the names") {
  CHECK_THAT(absent_column_hint("file.csv", {"id;occ1;lang"}, {"occ1"}),
             ContainsSubstring("separated by ';' where commas are expected") && ContainsSubstring("delimiter=';'"));
  CHECK_THAT(absent_column_hint("file.txt", {"id\tocc1"}, {"occ1"}), ContainsSubstring("ends in .tsv"));
  CHECK_THAT(absent_column_hint("file.csv", {"id|occ1"}, {"occ1"}), ContainsSubstring("delimiter='|'"));
  CHECK_THAT(absent_column_hint("file.tab", {"id,occ1"}, {"occ1"}), ContainsSubstring("ends in .csv"));
  CHECK(separator_hint("file.csv", {"a;b", "c"}).empty());
  CHECK(separator_hint("file.csv", {"a", " b"}).empty());
  CHECK_THAT(separator_hint("file.csv", {"id;job", "exact;lang"}), ContainsSubstring("separated by ';'"));
  CHECK_THAT(separator_hint("file.csv", {"job", " exact;lang"}), ContainsSubstring("separated by ';'"));
  CHECK_THAT(absent_column_hint("d/lang=da/year=1850/0.parquet", {"occ1"}, {"lang"}),
             ContainsSubstring("partitioned data set, whose column 'lang'") && ContainsSubstring("read_parquet('d')"));
  CHECK(absent_column_hint("d/lang=da/0.parquet", {"occ1"}, {"code1"}).empty());
  CHECK_THAT(absent_column_hint("file.csv", {"smith", "83110", "en"}, {"occ1"}),
             ContainsSubstring("Is the first line of the file a row already?"));
}

TEST_CASE("The error of an absent column carries the hint") {
  const testing::TemporaryFolder folder;
  write_file(folder / "file.csv", "id;occ1\n1;smith\n", false);
  ReadOptions options;
  options.columns = {"occ1"};
  CHECK_THROWS_MATCHES(read_table(folder / "file.csv", options), DataError,
                       MessageMatches(ContainsSubstring("the column 'occ1' is missing; the file has 'id;occ1'. The "
                                                        "fields seem to be separated by ';'")));
}

TEST_CASE("Folders of data files say what to give instead") {
  const testing::TemporaryFolder folder;
  std::filesystem::create_directories(folder / "d/lang=da/year=1850");
  CHECK(folder_hint(folder / "d").empty());
  write_file(folder / "d/lang=da/year=1850/0.parquet", "x", false);
  const std::string root = (folder / "d").string();
  CHECK_THAT(folder_hint(folder / "d"), ContainsSubstring("give '" + root + "/*/*/*.parquet'") &&
                                            ContainsSubstring("columns lang, year are in the names of its folders") &&
                                            ContainsSubstring("read_parquet('" + root + "')"));
  write_file(folder / "part.csv", "x", false);
  CHECK_THAT(folder_hint(folder.path()), ContainsSubstring("/*.csv'"));
  CHECK(folder_hint(folder / "nowhere").empty());
}

}  // namespace
}  // namespace canine
