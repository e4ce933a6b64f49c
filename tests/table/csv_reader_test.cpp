#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <string>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/table/table.hpp"
#include "support/captured_stream.hpp"
#include "support/temporary_folder.hpp"

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using Cell = std::optional<std::string>;
using Rows = std::vector<std::vector<Cell>>;
using Names = std::vector<std::string>;
using namespace std::string_literals;

constexpr std::nullopt_t kMissing = std::nullopt;

Table read_text(const std::string& text, const ReadOptions& options = {}) {
  const testing::TemporaryFolder folder;
  write_file(folder / "file.csv", text, false);
  return read_table(folder / "file.csv", options);
}

Rows rows_of(const Table& table) {
  Rows rows(static_cast<size_t>(table.num_rows));
  for (const StringColumn& column : table.columns) {
    REQUIRE(column.size() == table.num_rows);
    for (int64_t row = 0; row < table.num_rows; ++row) rows[static_cast<size_t>(row)].emplace_back(column.cell(row));
  }
  return rows;
}

Rows read_rows(const std::string& text, const ReadOptions& options = {}) { return rows_of(read_text(text, options)); }

Names read_names(const std::string& header) { return read_text(header + "\n").names; }

TEST_CASE("Header and rows") {
  const Table table = read_text("a,b\n1,2\nx y,\xC3\xA6\n");
  CHECK(table.names == Names{"a", "b"});
  CHECK(table.num_rows == 2);
  CHECK(rows_of(table) == Rows{{"1", "2"}, {"x y", "\xC3\xA6"}});
  CHECK(table.line_of_row == std::vector<uint64_t>{2, 3});
  CHECK(table.has("b"));
  CHECK_FALSE(table.has("c"));
  CHECK(table.column("b").text(0) == "2");
  CHECK_THROWS_MATCHES(table.column("c"), UsageError,
                       MessageMatches(ContainsSubstring("'c'; the columns are 'a', 'b'")));
}

TEST_CASE("A byte order mark is dropped, also before a quote") {
  CHECK(read_text("\xEF\xBB\xBF"
                  "a,b\n1,2\n")
            .names == Names{"a", "b"});
  CHECK(read_text("\xEF\xBB\xBF"
                  "\"a\",b\n1,2\n")
            .names == Names{"a", "b"});
  CHECK(read_rows("a\n\xEF\xBB\xBF"
                  "1\n") == Rows{{"\xEF\xBB\xBF"
                                  "1"}});
}

TEST_CASE("A quote opens a quoted field only as its first character") {
  CHECK(read_rows("a,b\n\"x,y\",\"p\"\"q\"\n") == Rows{{"x,y", "p\"q"}});
  CHECK(read_rows("a,b\nx\"y, \"p\"\n") == Rows{{"x\"y", " \"p\""}});
  CHECK(read_rows("a,b\n\"1\"2,\"\"x\n") == Rows{{"12", "x"}});
  CHECK(read_rows("a\n\"1\"2\"3\"\"4\n") == Rows{{"12\"3\"\"4"}});
  CHECK(read_rows("a\n\"\"\"\"\n") == Rows{{"\""}});
}

TEST_CASE("LF, CRLF and lone CR end lines, also mixed") {
  const Rows expected = {{"1", "2"}, {"3", "4"}};
  for (const std::string end : {"\n", "\r\n", "\r"}) {
    CHECK(read_rows("a,b" + end + "1,2" + end + "3,4" + end) == expected);
    CHECK(read_rows("a,b" + end + "1,2" + end + "3,4") == expected);
    CHECK(read_rows("a,b" + end + "\"1\",\"2\"" + end + "3,\"4\"" + end) == expected);
  }
  CHECK(read_rows("a,b\r\n1,2\r3,4\n") == expected);
  CHECK(read_rows("a,b\n1,2\r\r\n3,4\n") == expected);
}

TEST_CASE("Line breaks inside quotes are kept, and lines are counted through them") {
  const Table table = read_text("a,b\n\"1\n2\",\"3\r\n4\"\n\"5\r6\",7\n\n8,9\n");
  CHECK(rows_of(table) == Rows{{"1\n2", "3\r\n4"}, {"5\r6", "7"}, {"8", "9"}});
  CHECK(table.line_of_row == std::vector<uint64_t>{2, 5, 8});
}

TEST_CASE("Lines of nothing but blanks are skipped, lines of separators are not") {
  CHECK(read_rows("\n \t\na,b\n\n   \n1,2\n\t\n,\n\r\n \r3,4\n  ") ==
        Rows{{"1", "2"}, {kMissing, kMissing}, {"3", "4"}});
  CHECK(read_rows("a\n1\n\"\"\n \n2\n") == Rows{{"1"}, {kMissing}, {"2"}});
  CHECK(read_rows("a,b\n1,2\r\r x,3\r") == Rows{{"1", "2"}, {" x", "3"}});
}

TEST_CASE("White space is kept in cells and names") {
  const Table table = read_text(" a,b \n 1 ,\t2\n");
  CHECK(table.names == Names{" a", "b "});
  CHECK(rows_of(table) == Rows{{" 1 ", "\t2"}});
}

TEST_CASE("Names that occur again get a number, empty names their position") {
  CHECK(read_names("a,a,a.1") == Names{"a", "a.2", "a.1"});
  CHECK(read_names("a,a.1,a") == Names{"a", "a.1", "a.2"});
  CHECK(read_names("a,a,a,a.1,a.1") == Names{"a", "a.2", "a.3", "a.1", "a.1.1"});
  CHECK(read_names("x,,x,,Unnamed: 1") == Names{"x", "Unnamed: 1.1", "x.1", "Unnamed: 3", "Unnamed: 1"});
  CHECK(read_names("Unnamed: 1,,Unnamed: 1") == Names{"Unnamed: 1", "Unnamed: 1.2", "Unnamed: 1.1"});
  CHECK(read_names("a,a.1,a.1.1,a.1,a") == Names{"a", "a.1", "a.1.1", "a.1.2", "a.2"});
  CHECK(read_names(",\"\"") == Names{"Unnamed: 0", "Unnamed: 1"});
  ReadOptions options;
  options.columns = {"a.1"};
  CHECK(read_rows("a,a\n1,2\n", options) == Rows{{"2"}});
}

TEST_CASE("Too few fields: the rest is missing") {
  CHECK(read_rows("a,b,c\n1\n1,2\n\"\"\n") ==
        Rows{{"1", kMissing, kMissing}, {"1", "2", kMissing}, {kMissing, kMissing, kMissing}});
  ReadOptions options;
  options.raw_columns = {"b"};
  CHECK(read_rows("a,b\n1\n", options) == Rows{{"1", ""}});
}

TEST_CASE("Too many fields are an error, whichever columns are read") {
  ReadOptions options;
  for (const bool some : {false, true}) {
    if (some) options.columns = {"b"};
    CHECK_THROWS_MATCHES(read_text("a,b\n1,2\n\"x y\",4,5\n", options), DataError,
                         MessageMatches(ContainsSubstring(
                             "file.csv, line 3, byte column 9: expected 2 fields as in the header, this row has 3. Put "
                             "quotes around a text that holds a comma")));
    CHECK_THROWS_AS(read_text("a,b\n1,2\n3,4,\n", options), DataError);
    CHECK_THROWS_MATCHES(read_text("a,b\n1,2,3\n4,5,6\n", options), DataError,
                         MessageMatches(ContainsSubstring("line 2, byte column 5: expected 2 fields") &&
                                        ContainsSubstring("give every column a name in the header")));
  }
  CHECK_THROWS_MATCHES(read_text("a,b\n1,2\n\"x\ny\",4,5\n"), DataError,
                       MessageMatches(ContainsSubstring("line 4, byte column 6") &&
                                      ContainsSubstring("in quotes goes from line 3 to line 4: is a quote missing")));
  CHECK_THROWS_MATCHES(read_text("a,b\n\"smith \\\"old, wise\\\" man\",en\n"), DataError,
                       MessageMatches(ContainsSubstring("is written twice (\"\"), not with a backslash")));
  CHECK_THROWS_MATCHES(read_text("id;name\n1;a,b\n"), DataError,
                       MessageMatches(ContainsSubstring("line 2") && ContainsSubstring("separated by ';'")));
}

TEST_CASE("A quote that is never closed is named with its place") {
  CHECK_THROWS_MATCHES(read_text("a,b\n1,2\n3,\"4\n5,6\n"), DataError,
                       MessageMatches(ContainsSubstring("file.csv, line 3, byte column 3: the quote")));
  CHECK_THROWS_AS(read_text("\""), DataError);
  CHECK_THROWS_AS(read_text("a\n\"1\"\""), DataError);
}

TEST_CASE("Files without rows") {
  for (const std::string text : {"", "\n", " \n\r\n", "\xEF\xBB\xBF"}) {
    CHECK_THROWS_MATCHES(read_text(text), DataError, MessageMatches(ContainsSubstring("the file is empty")));
  }
  for (const std::string text : {"a,b", "a,b\n", "a,b\r\n\n \n"}) {
    const Table table = read_text(text);
    CHECK(table.names == Names{"a", "b"});
    CHECK(table.num_rows == 0);
    CHECK(table.column("b").size() == 0);
  }
  CHECK_THROWS_AS(read_table("/nowhere/file.csv", {}), IoError);
  CHECK_THROWS_AS(read_table("/tmp", {}), IoError);
}

TEST_CASE("A NUL cuts its cell") {
  const Table table = read_text("a\0b,a\0c,\0\n1\0x,\"2\0\",\0\"3\"\n"s);
  CHECK(table.names == Names{"a", "a.1", "Unnamed: 2"});
  CHECK(rows_of(table) == Rows{{"1", "2", kMissing}});
}

std::string warnings_of(const std::string& text, const ReadOptions& options = {}) {
  const testing::CapturedStream captured(2);
  read_text(text, options);
  return captured.text();
}

TEST_CASE("Texts cut at a NUL are counted, runs of zeros are refused") {
  ReadOptions options;
  CHECK_THAT(warnings_of("a,b\n1,2\n3\0x,4\n5\0,6\0\n"s),
             ContainsSubstring("file.csv: 3 cells hold a zero byte") && ContainsSubstring("The first is in line 3"));
  options.columns = {"b"};
  CHECK_THAT(warnings_of("a,b\n1,2\n3\0x,4\n5\0,6\0\n"s, options), ContainsSubstring("1 cell holds a zero byte"));
  options.warn = false;
  CHECK(warnings_of("a,b\n5\0,6\0\n"s, options).empty());
  for (const size_t in_front : {1, 5'000'000}) {  // within the first window and behind it
    std::string text = "a\n";
    for (size_t i = 0; i < in_front; ++i) text += "x\n";
    CHECK_THROWS_MATCHES(read_text(text + "y" + std::string(40, '\0') + "\n"), DataError,
                         MessageMatches(ContainsSubstring(fmt::format("line {}, byte column 2: expected text, found a "
                                                                      "run of zero bytes",
                                                                      in_front + 2))));
  }
}

TEST_CASE("A stray quote that swallows lines is told with its lines and the count of rows") {
  CHECK_THAT(warnings_of("occ1\nsmith\n\"foreman, mill\nbaker\nweaver\" at home\ncooper\n"),
             ContainsSubstring("file.csv: a text in quotes goes over several lines as if a quote were missing or too "
                               "many, from line 3 to line 5. 3 rows were made of 5 lines behind the header"));
  std::string swallowed = "occ1,lang\nsmith,en\n\"foreman,en\n";
  for (int i = 0; i < 1500; ++i) swallowed += "baker,en\n";
  swallowed += "weaver\",en\n\"a\nb\nc\nd\ne\nf\",en\n";
  CHECK_THAT(warnings_of(swallowed),
             ContainsSubstring("2 texts in quotes go over several lines as if a quote were missing or too many, the "
                               "longest from line 3 to line 1,504. 3 rows were made of 1,509 lines"));
  CHECK(warnings_of("occ1,lang\n\"1 High Street\nWest End\nRibe\",en\n\"\n\n\n\",en\nx,en\n").empty());
  CHECK_THAT(warnings_of("occ1,lang\nx,en\n\"the \"old\" mill\",en\n"),
             ContainsSubstring("in 1 row a text goes on behind its closing quote, the first in line 3"));
}

TEST_CASE("Many short texts that begin like whole rows are told") {
  std::string pairs = "occ1,lang,code_1,code_2\n";
  for (int i = 0; i < 6; i += 2) pairs += fmt::format("\"smith {},en,00300,\nsmith {}\",en,00300,\n", i, i + 1);
  CHECK_THAT(warnings_of(pairs),
             ContainsSubstring("file.csv: 3 texts in quotes over several lines begin like a whole row, the first in "
                               "line 2, as if quotes were missing or too many. 3 rows were made of 6 lines behind"));
  CHECK(warnings_of("occ1,lang\n\"1 High Street, Ribe\nDenmark\",en\n\"a\nb\",en\nx,en\n").empty());  // once is chance
  CHECK(warnings_of("occ1,lang\n\"a\nb, c\",en\n\"d\ne, f\",en\n").empty());
}

TEST_CASE("A header that comes once more is counted") {
  CHECK_THAT(warnings_of("occ1,lang\nsmith,en\nocc1,lang\nbaker,en\n\"occ1\",\"lang\"\n"),
             ContainsSubstring("file.csv: 2 rows have the names of the columns once more, the first in line 3; were"));
  CHECK_THAT(warnings_of("occ1,lang\nsmith,en\n\xEF\xBB\xBFocc1,lang\nbaker,en\n"),
             ContainsSubstring("1 row has the names of the columns once more, the first in line 3"));
  CHECK_THAT(warnings_of("occ1,Lang\nsmith,en\n Occ1 ,LANG\n"), ContainsSubstring("1 row has the names"));
  CHECK(warnings_of("occ1,lang\nocc1,en\n\nx,lang\nocc1,occ1\n").empty());
  CHECK(warnings_of("occupation\nsmith\nOccupation\n").empty());  // a description, for all we know
  CHECK_THAT(warnings_of("occupation\nsmith\n\xEF\xBB\xBFoccupation\n"), ContainsSubstring("1 row has the names"));
}

TEST_CASE("A header with the columns in another order shifts what follows, and is told as such") {
  CHECK_THAT(
      warnings_of("occ1,lang,code\nsmith,en,1\nocc1,lang,code\nocc1,code,lang\nbaker,1,en\n"),
      ContainsSubstring("2 rows have the names of the columns once more, the first in line 3;") &&
          ContainsSubstring("In line 4 they are in another order, and the rows behind it are read in the wrong"));
}

TEST_CASE("Rows with fewer fields than the header are counted") {
  CHECK_THAT(warnings_of("occ1,lang,code\nsmith,en,1\nmaster\nsmith,da,2\n\n,,\nbaker,da\n"),
             ContainsSubstring("file.csv: 2 rows have fewer fields than the header, the first in line 3; the rest"));
  CHECK(warnings_of("occ1,lang\nsmith,\n,\n\n").empty());
}

TEST_CASE("Tabs separate the fields of files called .tsv or .tab") {
  const testing::TemporaryFolder folder;
  for (const char* name : {"file.tsv", "FILE.TAB", "file.Tsv"}) {
    write_file(folder / name, "a\tb\n1,5\t\"x\ty\"\n\t\n", false);
    const Table table = read_table(folder / name, {});
    CHECK(table.names == Names{"a", "b"});
    CHECK(rows_of(table) == Rows{{"1,5", "x\ty"}, {kMissing, kMissing}});
    CHECK(read_column_names(folder / name) == Names{"a", "b"});
  }
  write_file(folder / "file.tsv", "a,b\n1,2\n", false);
  ReadOptions options;
  options.columns = {"a"};
  CHECK_THROWS_MATCHES(read_table(folder / "file.tsv", options), DataError,
                       MessageMatches(ContainsSubstring("separated by commas where tabs are expected. Give the file a "
                                                        "name that ends in .csv")));
}

TEST_CASE("The line that tells Excel the separator is passed over, or refused") {
  const Table table = read_text("\xEF\xBB\xBFsep=,\r\na,b\r\n1,2\r\n");
  CHECK(table.names == Names{"a", "b"});
  CHECK(table.line_of_row == std::vector<uint64_t>{3});
  for (const std::string mark : {"\"sep=\",", "\"sep=,\"", "sep=,,,,"}) {
    CHECK(read_text(mark + "\na\n1\n").names == Names{"a"});
  }
  for (const std::string mark : {"sep=;", "SEP=;", "\"sep=;\""}) {
    CHECK_THROWS_MATCHES(
        read_text(mark + "\na;b\n1;2\n"), DataError,
        MessageMatches(ContainsSubstring("says that ';' separate the fields") && ContainsSubstring("delimiter=';'")));
  }
  CHECK_THROWS_MATCHES(read_text("sep=\t\na\tb\n"), DataError, MessageMatches(ContainsSubstring(".tsv")));
  CHECK(read_text("sep=,x\n1,2\n").names == Names{"sep=", "x"});
}

TEST_CASE("Bytes that are not UTF-8 are named with their place") {
  for (const std::string bad : {"\xFF", "\x80", "\xC3", "\xC0\xAF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                                "\xF8\x88\x80\x80\x80", "\xE2\x82", "\xF0\x9F\x98"}) {
    for (const std::string after : {"", "x\n", "\n4,5\n"}) {
      CHECK_THROWS_MATCHES(read_text("a,b\n1,2\r\n3,\xC3\xA6" + bad + after), DataError,
                           MessageMatches(ContainsSubstring("file.csv, line 3, byte column 5: expected UTF-8")));
    }
  }
  ReadOptions options;
  options.columns = {"a"};
  CHECK_THROWS_AS(read_text("a,b\n1,\xFF\n", options), DataError);
}

TEST_CASE("Wanted columns come in the order asked for, absent ones are named") {
  ReadOptions options;
  options.columns = {"c", "a", "c"};
  const Table table = read_text("a,b,c\n1,2,3\n", options);
  CHECK(table.names == Names{"c", "a"});
  CHECK(rows_of(table) == Rows{{"3", "1"}});
  options.columns = {"a", "zz", "yy"};
  CHECK_THROWS_MATCHES(read_text("a,b\n1,2\n", options), DataError,
                       MessageMatches(ContainsSubstring("the columns 'zz', 'yy' are missing; the file has 'a', 'b'")));
}

TEST_CASE("Texts that stand for a missing cell") {
  const Names missing = {"",     "#N/A", "#N/A N/A", "#NA",  "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
                         "<NA>", "N/A",  "NA",       "NULL", "NaN",     "None",     "n/a",  "nan",  "null"};
  for (const std::string& text : missing) {
    CHECK(is_missing_text(text));
    CHECK(read_rows("a,b\n" + text + ",x\n") == Rows{{kMissing, "x"}});
    CHECK(read_rows("a,b\n\"" + text + "\",x\n") == Rows{{kMissing, "x"}});
    CHECK_FALSE(is_missing_text(text + " "));
    CHECK_FALSE(is_missing_text(" " + text));
    ReadOptions options;
    options.raw_columns = {"a"};
    CHECK(read_rows("a,b\n" + text + ",NA\n", options) == Rows{{text, kMissing}});
  }
  for (const char* text :
       {"na", "Nan", "none", " ", "NONE", "Null", "N/a", "#n/a", "-", "1", "<na>", "nul", "#N/A N/AA"}) {
    CHECK_FALSE(is_missing_text(text));
  }
}

TEST_CASE("Lines are kept on demand and named in messages") {
  ReadOptions options;
  CHECK(read_text("a\n\n1\n", options).where(0).ends_with("file.csv, line 3"));
  options.keep_lines = false;
  const Table table = read_text("a\n\n1\n2\n", options);
  CHECK(table.line_of_row.empty());
  CHECK(table.where(1).ends_with("file.csv, row 2"));
}

TEST_CASE("Each million rows is a line on stdout, on demand") {
  const testing::TemporaryFolder folder;
  std::string text = "a\n";
  for (int i = 0; i < 2'000'001; ++i) text += "x\n";
  write_file(folder / "file.csv", text, false);
  for (const bool show : {true, false}) {
    ReadOptions options;
    options.show_progress = show;
    const testing::CapturedStream captured(1);
    const Table table = read_table(folder / "file.csv", options);
    const std::string path = (folder / "file.csv").string();
    CHECK(table.num_rows == 2'000'001);
    CHECK(table.line_of_row.back() == 2'000'002);
    CHECK(captured.text() ==
          (show ? path + ": 1,000,000 rows read\n" + path + ": 2,000,000 rows read\n" : std::string()));
  }
}

TEST_CASE("A CSV file whose first column is called PAR1 is no Parquet file") {
  CHECK(read_text("PAR1,b\n1,2\n").names == Names{"PAR1", "b"});
}

TEST_CASE("The names of the columns can be read alone, whatever the rows are") {
  const testing::TemporaryFolder folder;
  write_file(folder / "file.csv", "a,a,\n1,2,3,4\n\"open", false);
  CHECK(read_column_names(folder / "file.csv") == Names{"a", "a.1", "Unnamed: 2"});
  write_file(folder / "file.csv", "", false);
  CHECK_THROWS_AS(read_column_names(folder / "file.csv"), DataError);
}

}  // namespace
}  // namespace canine
