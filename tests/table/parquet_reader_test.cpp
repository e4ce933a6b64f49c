#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <string>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/table/table.hpp"
#include "support/captured_stream.hpp"
#include "support/python.hpp"

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using Cells = std::vector<std::optional<std::string>>;

constexpr std::nullopt_t kMissing = std::nullopt;

/// Files written by pandas and pyarrow, once for all tests.
const std::filesystem::path& written_folder() {
  static const testing::TemporaryFolder folder;
  static const bool done = [] {
    testing::run_python(R"(
import datetime
import decimal
import pandas
import pyarrow
import pyarrow.parquet

pandas.DataFrame({
    'text': ['smith', None, 'NA', '', 'b\u00e6cker, \U0001F600'],
    'whole': [1, -20, 300, 9007199254740993, 0],
    'holes': [1.0, float('nan'), -0.5, 1e16, 1e-5],
    'flag': [True, False, True, True, False],
    'kind': pandas.Categorical(['x', 'y', None, 'x', '12']),
}).to_parquet('pandas.bin')

rows = 2500
pyarrow.parquet.write_table(pyarrow.table({
    'number': pyarrow.array(range(rows), pyarrow.int32()),
    'large': pyarrow.array([None if i % 7 == 0 else f'text {i}' for i in range(rows)], pyarrow.large_string()),
    'coded': pyarrow.array([f'code {i % 10}' for i in range(rows)]).dictionary_encode(),
}), 'groups.parquet', row_group_size=400, compression='zstd')

pyarrow.parquet.write_table(pyarrow.table({
    'i8': pyarrow.array([-128, None], pyarrow.int8()),
    'u64': pyarrow.array([2**64 - 1, 0], pyarrow.uint64()),
    'f32': pyarrow.array([0.1, 3.0], pyarrow.float32()),
    'view': pyarrow.array(['short', 'a text of more than twelve bytes'], pyarrow.string_view()),
    'bytes': pyarrow.array([b'abc', None], pyarrow.binary()),
    'nothing': pyarrow.nulls(2),
    'coded_numbers': pyarrow.array([7, None]).dictionary_encode(),
    'list': pyarrow.array([[1], [2, 3]]),
    'pair': pyarrow.array([{'a': 1, 'b': 2}, {'a': 3, 'b': 4}]),
    'decimal': pyarrow.array([decimal.Decimal('-0.50'), None]),
    'date': pyarrow.array([datetime.date(1787, 1, 31), None]),
    'moment': pyarrow.array([datetime.datetime(1900, 1, 31, 12), datetime.datetime(1900, 1, 31, 12, 0, 0, 2500)]),
    'zoned': pyarrow.array([datetime.datetime(1900, 1, 31, 12), None], pyarrow.timestamp('ns', 'UTC')),
    'time': pyarrow.array([datetime.time(7, 5), None]),
    'duration': pyarrow.array([1, None], pyarrow.duration('s')),
    'latin1': pyarrow.array([b'ok', b'\xe6'], pyarrow.binary()),
    'last': ['p', 'q'],
}), 'types.parquet')
pyarrow.parquet.write_table(pyarrow.table({
    'born': pyarrow.array([datetime.datetime(1650, 3, 1), datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 31)],
                          pyarrow.timestamp('us')),
}), 'int96.parquet', use_deprecated_int96_timestamps=True)
pandas.DataFrame({'a': pandas.Series([], dtype=str), 'b': pandas.Series([], dtype='int64')}).to_parquet('empty.parquet')
pyarrow.parquet.write_table(pyarrow.table({}), 'no_columns.parquet')
pyarrow.parquet.write_table(pyarrow.table({
    'text': ['smith', 'ba\0ker', '\0'],
    'coded': pyarrow.array(['a', 'a', 'b\0c']).dictionary_encode(),
}), 'zeros.parquet')
)",
                        folder.path());
    return true;
  }();
  (void)done;
  return folder.path();
}

Table read_written(const char* name, const ReadOptions& options = {}) {
  return read_table(written_folder() / name, options);
}

Cells cells_of(const StringColumn& column) {
  Cells cells;
  for (int64_t row = 0; row < column.size(); ++row) cells.emplace_back(column.cell(row));
  return cells;
}

Cells cells_of_type(const std::string& column) {
  ReadOptions options;
  options.columns = {column};
  return cells_of(read_written("types.parquet", options).columns.at(0));
}

TEST_CASE("Times of Spark and Hive before 1677 and after 2262 are those that were written") {
  CHECK(cells_of(read_written("int96.parquet").column("born")) ==
        Cells{"1650-03-01 00:00:00", "0001-01-01 00:00:00", "9999-12-31 00:00:00"});
}

TEST_CASE("A Parquet file is known by its content and read as text") {
  const Table table = read_written("pandas.bin");
  CHECK(table.names == std::vector<std::string>{"text", "whole", "holes", "flag", "kind"});
  CHECK(table.num_rows == 5);
  CHECK(cells_of(table.column("text")) == Cells{"smith", kMissing, "NA", "",
                                                "b\xC3\xA6"
                                                "cker, \xF0\x9F\x98\x80"});
  CHECK(cells_of(table.column("whole")) == Cells{"1", "-20", "300", "9007199254740993", "0"});
  CHECK(cells_of(table.column("holes")) == Cells{"1", kMissing, "-0.5", "1e+16", "1e-05"});
  CHECK(cells_of(table.column("flag")) == Cells{"True", "False", "True", "True", "False"});
  CHECK(cells_of(table.column("kind")) == Cells{"x", "y", kMissing, "x", "12"});
  CHECK(table.line_of_row.empty());
  CHECK(table.where(3).ends_with("pandas.bin, row 4"));
}

TEST_CASE("Texts are cut at a zero byte and counted, as in CSV") {
  std::string warnings;
  {
    const testing::CapturedStream captured(2);
    const Table table = read_written("zeros.parquet");
    warnings = captured.text();
    CHECK(cells_of(table.column("text")) == Cells{"smith", "ba", ""});
    CHECK(cells_of(table.column("coded")) == Cells{"a", "a", "b"});
  }
  CHECK_THAT(warnings, ContainsSubstring("zeros.parquet: 3 cells hold a zero byte, where it ends; what is behind it is "
                                         "left out. The first is in row 2"));
}

TEST_CASE("Nulls of raw columns are empty texts") {
  ReadOptions options;
  options.columns = {"kind", "text", "holes"};
  options.raw_columns = {"text", "holes"};
  const Table table = read_written("pandas.bin", options);
  CHECK(table.names == options.columns);
  CHECK(cells_of(table.column("text")) == Cells{"smith", "", "NA", "",
                                                "b\xC3\xA6"
                                                "cker, \xF0\x9F\x98\x80"});
  CHECK(cells_of(table.column("holes"))[1] == "");
  CHECK(cells_of(table.column("kind"))[2] == kMissing);
}

TEST_CASE("Row groups follow each other") {
  const Table table = read_written("groups.parquet");
  REQUIRE(table.num_rows == 2500);
  size_t num_wrong = 0;
  for (int64_t row = 0; row < table.num_rows; ++row) {
    const std::string number = std::to_string(row);
    num_wrong += table.column("number").cell(row) != number;
    num_wrong += table.column("large").cell(row) != (row % 7 == 0 ? Cells::value_type() : "text " + number);
    num_wrong += table.column("coded").cell(row) != "code " + std::to_string(row % 10);
  }
  CHECK(num_wrong == 0);
}

TEST_CASE("Types of Parquet columns") {
  CHECK(cells_of_type("i8") == Cells{"-128", kMissing});
  CHECK(cells_of_type("u64") == Cells{"18446744073709551615", "0"});
  CHECK(cells_of_type("f32") == Cells{"0.1", "3"});
  CHECK(cells_of_type("view") == Cells{"short", "a text of more than twelve bytes"});
  CHECK(cells_of_type("bytes") == Cells{"abc", kMissing});
  CHECK(cells_of_type("nothing") == Cells{kMissing, kMissing});
  CHECK(cells_of_type("coded_numbers") == Cells{"7", kMissing});
  CHECK(cells_of_type("last") == Cells{"p", "q"});  // behind a column of two leaves
  for (const char* nested : {"list", "pair"}) {
    CHECK_THROWS_MATCHES(cells_of_type(nested), DataError,
                         MessageMatches(ContainsSubstring("column '" + std::string(nested))));
  }
  CHECK(cells_of_type("decimal") == Cells{"-0.50", kMissing});
  CHECK(cells_of_type("date") == Cells{"1787-01-31", kMissing});
  CHECK(cells_of_type("moment") == Cells{"1900-01-31 12:00:00", "1900-01-31 12:00:00.002500"});
  CHECK(cells_of_type("zoned") == Cells{"1900-01-31 12:00:00Z", kMissing});
  CHECK(cells_of_type("time") == Cells{"07:05:00", kMissing});
  CHECK_THROWS_MATCHES(cells_of_type("duration"), DataError, MessageMatches(ContainsSubstring("duration[s]")));
  CHECK_THROWS_MATCHES(cells_of_type("latin1"), DataError,
                       MessageMatches(ContainsSubstring("column 'latin1', row 2: expected UTF-8")));
}

TEST_CASE("Parquet files without rows, without wanted columns, and broken ones") {
  const Table table = read_written("empty.parquet");
  CHECK(table.names == std::vector<std::string>{"a", "b"});
  CHECK(table.num_rows == 0);
  CHECK(read_column_names(written_folder() / "empty.parquet") == table.names);
  ReadOptions options;
  options.columns = {"a", "zz"};
  CHECK_THROWS_MATCHES(read_written("empty.parquet", options), DataError,
                       MessageMatches(ContainsSubstring("the column 'zz' is missing; the file has 'a', 'b'")));
  const testing::TemporaryFolder folder;
  const std::string whole = read_file(written_folder() / "pandas.bin");
  size_t num_refused = 0;
  for (size_t i = 0; i < 200; ++i) {
    std::string broken = whole;
    if (i % 2 == 0)
      broken.resize(4 + whole.size() * i / 210);
    else
      broken[4 + (whole.size() - 8) * i / 210] ^= 0x55;
    write_file(folder / "broken", broken, false);
    try {
      read_table(folder / "broken", {});
    } catch (const DataError&) {
      ++num_refused;
    }
  }
  CHECK(num_refused >= 100);  // all that were cut, and those where the change hit the structure
}

TEST_CASE("A Parquet file without columns is refused as such") {
  const std::filesystem::path path = written_folder() / "no_columns.parquet";
  const auto message = MessageMatches(ContainsSubstring(path.string() + ": the Parquet file has no columns"));
  CHECK_THROWS_MATCHES(read_table(path, {}), DataError, message);
  CHECK_THROWS_MATCHES(read_column_names(path), DataError, message);
}

TEST_CASE("A file that only its name calls Parquet is no CSV file") {
  const testing::TemporaryFolder folder;
  const std::string whole = read_file(written_folder() / "pandas.bin");
  for (const std::string& content : {whole.substr(4), whole.substr(0, 3), std::string(), std::string("a,b\n1,2\n")}) {
    write_file(folder / "a.parquet", content, false);
    const auto message = MessageMatches(ContainsSubstring("a.parquet: expected a Parquet file, as the name says"));
    CHECK_THROWS_MATCHES(read_table(folder / "a.parquet", {}), DataError, message);
    CHECK_THROWS_MATCHES(read_column_names(folder / "a.parquet"), DataError, message);
  }
  write_file(folder / "a.csv", "a,b\n1,2\n", false);
  CHECK(read_table(folder / "a.csv", {}).num_rows == 1);
}

}  // namespace
}  // namespace canine
