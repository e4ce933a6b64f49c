#include "canine/table/table_stream.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <functional>
#include <string>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "odd_csv.hpp"
#include "support/captured_stream.hpp"
#include "support/python.hpp"

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using Cell = std::optional<std::string>;

/// All that a table says, and how it ended.
struct Content {
  std::vector<std::string> names;
  std::vector<std::vector<Cell>> rows;
  std::vector<std::string> places;
  std::string error;
  bool operator==(const Content&) const = default;
};

void add(Content& content, const Table& table) {
  content.names = table.names;
  for (int64_t row = 0; row < table.num_rows; ++row) {
    std::vector<Cell> cells;
    for (const StringColumn& column : table.columns) cells.emplace_back(column.cell(row));
    content.rows.push_back(cells);
    content.places.push_back(table.where(row));
  }
}

/// Runs `read`, which adds to the content; an error ends it and is kept.
Content content_of(const std::function<void(Content&)>& read) {
  Content content;
  try {
    read(content);
  } catch (const DataError& error) {
    content = {};  // a stream may have given rows before the error
    content.error = error.what();
  }
  return content;
}

Content read_whole(const std::filesystem::path& path, const ReadOptions& options) {
  return content_of([&](Content& content) { add(content, read_table(path, options)); });
}

/// In tables of `rows_at_once`, without the first `skipped` rows.
Content read_in_parts(const std::filesystem::path& path, const ReadOptions& options, int64_t rows_at_once,
                      int64_t skipped = 0) {
  return content_of([&](Content& content) {
    TableStream stream(path, options);
    content.names = stream.names();
    stream.skip_rows(skipped);
    int64_t num_rows = skipped;
    while (true) {
      const Table table = stream.next(rows_at_once);
      CHECK(table.first_row == num_rows);
      add(content, table);
      num_rows += table.num_rows;
      CHECK(stream.num_rows() == num_rows);
      CHECK(stream.share_read() <= 1);
      if (table.num_rows < rows_at_once) break;
    }
    CHECK(stream.next(1).num_rows == 0);
  });
}

void drop_rows(Content& content, size_t num_rows) {
  if (!content.error.empty()) return;
  content.rows.erase(content.rows.begin(), content.rows.begin() + static_cast<int64_t>(num_rows));
  content.places.erase(content.places.begin(), content.places.begin() + static_cast<int64_t>(num_rows));
}

TEST_CASE("Tables of any size put together are the whole odd file, errors and lines included") {
  const testing::TemporaryFolder folder;
  const std::filesystem::path path = folder / "file.csv";
  size_t num_tables = 0;
  size_t num_errors = 0;
  for (uint64_t row = 0; row < 1500; ++row) {
    write_file(path, testing::odd_csv(row), false);
    ReadOptions options;
    options.warn = false;
    Content whole = read_whole(path, options);
    if (whole.error.empty() && row % 2 == 0) {
      options.columns = {whole.names.back()};
      options.keep_lines = row % 3 != 0;
      if (row % 5 < 2) options.raw_columns = {whole.names.back()};
      whole = read_whole(path, options);
    }
    ++(whole.error.empty() ? num_tables : num_errors);
    bool same = true;
    for (const int64_t rows_at_once : {1, 2, 3, 5, 100}) same &= read_in_parts(path, options, rows_at_once) == whole;
    const size_t half = whole.rows.size() / 2;
    drop_rows(whole, half);
    same &= read_in_parts(path, options, 2, static_cast<int64_t>(half)) == whole;
    INFO("file " << row);
    CHECK(same);
  }
  CHECK(num_tables > 800);
  CHECK(num_errors > 200);
}

TEST_CASE("A quoted text over several lines at the end of a table") {
  const testing::TemporaryFolder folder;
  for (const std::string end : {"\n", "\r\n", "\r"}) {
    write_file(folder / "file.csv",
               "\xEF\xBB\xBF"
               "a,b" +
                   end + "1,\"x" + end + "y\"" + end + "2,\"z" + end + "\"",
               false);
    TableStream stream(folder / "file.csv");
    CHECK(stream.names() == std::vector<std::string>{"a", "b"});
    CHECK(stream.share_read() < 1);
    const Table first = stream.next(1);
    CHECK(first.column("b").text(0) == "x" + end + "y");
    CHECK(first.where(0).ends_with("file.csv, line 2"));
    const Table second = stream.next(1);
    CHECK(second.column("b").text(0) == "z" + end);
    CHECK(second.where(0).ends_with("file.csv, line 4"));
    CHECK(stream.next(1).num_rows == 0);
    CHECK(stream.share_read() == 1);
  }
}

TEST_CASE("Rows before an error are given, then the error with its place") {
  const testing::TemporaryFolder folder;
  write_file(folder / "file.csv", "a,b\n1,2\n3,4\n5,6,7\n", false);
  TableStream stream(folder / "file.csv");
  CHECK(stream.next(1).column("a").text(0) == "1");
  CHECK(stream.next(1).column("a").text(0) == "3");
  CHECK_THROWS_MATCHES(stream.next(1), DataError, MessageMatches(ContainsSubstring("file.csv, line 4, byte column 5")));
  TableStream skipping(folder / "file.csv");
  CHECK_THROWS_MATCHES(skipping.skip_rows(9), DataError, MessageMatches(ContainsSubstring("line 4, byte column 5")));
}

TEST_CASE("Wrong wishes to a stream") {
  const testing::TemporaryFolder folder;
  write_file(folder / "file.csv", "a,b\n1,2\n3,4\n", false);
  TableStream stream(folder / "file.csv");
  CHECK_THROWS_AS(stream.next(0), InternalError);
  CHECK_THROWS_MATCHES(stream.skip_rows(3), DataError,
                       MessageMatches(ContainsSubstring("expected at least 3 rows, behind which to continue, the file "
                                                        "has 2")));
  CHECK_THROWS_AS(TableStream(folder / "none.csv"), IoError);
  ReadOptions options;
  options.columns = {"c"};
  CHECK_THROWS_AS(TableStream(folder / "file.csv", options), DataError);
}

TEST_CASE("Progress counts through all tables of a stream") {
  const testing::TemporaryFolder folder;
  std::string text = "a\n";
  for (int i = 0; i < 1'000'001; ++i) text += "x\n";
  write_file(folder / "file.csv", text, false);
  const testing::CapturedStream captured(1);
  TableStream stream(folder / "file.csv");
  while (stream.next(300'000).num_rows > 0) {
  }
  CHECK(captured.text() == (folder / "file.csv").string() + ": 1,000,000 rows read\n");
}

TEST_CASE("A Parquet file in tables that do not end where its row groups do") {
  const testing::TemporaryFolder folder;
  testing::run_python(R"(
import pyarrow, pyarrow.parquet
rows = 2500
table = pyarrow.table({
    'number': pyarrow.array(range(rows), pyarrow.int32()),
    'list': pyarrow.array([[i] for i in range(rows)]),
    'text': pyarrow.array([None if i % 7 == 0 else f'text {i}' for i in range(rows)]),
    'coded': pyarrow.array([f'code {i % 10}' if i % 11 else None for i in range(rows)]).dictionary_encode(),
    'bytes': pyarrow.array([b'\xe6' if i == 1700 else b'ok' for i in range(rows)]),
})
pyarrow.parquet.write_table(table, 'file', row_group_size=400)
)",
                      folder.path());
  const std::filesystem::path path = folder / "file";
  ReadOptions options;
  options.columns = {"coded", "text", "number"};
  options.raw_columns = {"text"};
  Content whole = read_whole(path, options);
  REQUIRE(whole.rows.size() == 2500);
  CHECK(whole.rows[2499] == std::vector<Cell>{"code 9", "", "2499"});
  CHECK(whole.places[2499].ends_with("file, row 2500"));
  for (const int64_t rows_at_once : {7, 399, 400, 1000, 2500, 3000}) {
    CHECK(read_in_parts(path, options, rows_at_once) == whole);
  }
  drop_rows(whole, 1234);
  CHECK(read_in_parts(path, options, 100, 1234) == whole);
  CHECK_THROWS_AS(TableStream(path, options).skip_rows(2501), DataError);

  options.columns = {"bytes"};
  CHECK_THROWS_MATCHES(TableStream(path, options).next(9999), DataError,
                       MessageMatches(ContainsSubstring("row 1701:")));
  TableStream stream(path, options);
  stream.skip_rows(1500);
  CHECK(stream.next(200).num_rows == 200);
  CHECK_THROWS_MATCHES(stream.next(200), DataError, MessageMatches(ContainsSubstring("row 1701:")));
}

}  // namespace
}  // namespace canine
