#include "canine/table/table_writer.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/core/random.hpp"
#include "canine/table/table.hpp"
#include "support/file_size_limit.hpp"
#include "support/python.hpp"
#include "table/table_writer_support.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using Type = OutputColumn::Type;
using Cells = std::vector<OutputCell>;

TEST_CASE("CSV and Parquet files are read again as they were written") {
  const testing::TemporaryFolder folder;
  for (const char* name : {"out.csv", "out.parquet"}) {
    write_file(folder / name, written_at_once(name));
    ReadOptions options;
    options.raw_columns = {"text"};
    const Table table = read_table(folder / name, options);
    CHECK(table.names == std::vector<std::string>{"text", "code_1", "conf"});
    REQUIRE(table.num_rows == kRows);
    CHECK(table.column("code_1").missing(7));
    CHECK(table.column("code_1").text(8) == "00008");
    CHECK(table.column("conf").missing(5));
  }
  ReadOptions options;
  options.raw_columns = {"text"};
  const Table csv = read_table(folder / "out.csv", options);
  const Table parquet = read_table(folder / "out.parquet", options);
  for (size_t i = 0; i < csv.columns.size(); ++i) {
    int64_t num_different = 0;
    for (int64_t row = 0; row < kRows; ++row) num_different += csv.columns[i].cell(row) != parquet.columns[i].cell(row);
    CHECK(num_different == 0);
  }
}

TEST_CASE("A run killed at any row and resumed gives the same bytes") {
  for (const std::string name : {"out.csv", "out.parquet"}) {
    const std::string expected = written_at_once(name);
    for (const int64_t killed_at : {0, 1, 29, 30, 31, 200, 399}) {
      const testing::TemporaryFolder folder;
      CHECK(output_state(folder / name) == OutputState::kNothing);
      in_killed_process([&] {
        TableWriter writer(options_of(folder / name, killed_at % 2 == 1));  // nothing there to resume: starts anew
        for (int64_t row = 0; row < killed_at; ++row) {
          write_row(writer, row);
          if (row % 30 == 29) writer.checkpoint(fmt::format("state {}", row));
        }
      });
      const int64_t kept = killed_at / 30 * 30;
      CHECK(output_state(folder / name) == (kept > 0 ? OutputState::kInterrupted : OutputState::kNothing));
      CHECK_FALSE(fs::exists(folder / name));
      TableWriter writer(options_of(folder / name, true));
      CHECK(writer.num_rows() == kept);
      CHECK(writer.state() == (kept > 0 ? fmt::format("state {}", kept - 1) : ""));
      write_rest(writer);
      CHECK(read_file(folder / name) == expected);
      CHECK(output_state(folder / name) == OutputState::kComplete);
      CHECK(files_in(folder.path()) == std::vector<std::string>{name});
    }
  }
}

TEST_CASE("Whatever is behind the last checkpoint is cut off") {
  const std::string expected = written_at_once("out.csv");
  for (const std::string& behind :
       {std::string("torn,\"row"), std::string("whole,row,,1\n"), std::string("\""), std::string(100, '\0')}) {
    const testing::TemporaryFolder folder;
    in_killed_process([&] {
      TableWriter writer(options_of(folder / "out.csv"));
      for (int64_t row = 0; row < 50; ++row) write_row(writer, row);
      writer.checkpoint();
    });
    append_file(folder / "out.csv.partial", behind);
    TableWriter writer(options_of(folder / "out.csv", true));
    CHECK(writer.num_rows() == 50);
    write_rest(writer);
    CHECK(read_file(folder / "out.csv") == expected);
  }
}

TEST_CASE("A run killed while it finished is finished by the next") {
  const std::string expected = written_at_once("out.csv");
  const testing::TemporaryFolder folder;
  in_killed_process([&] {
    TableWriter writer(options_of(folder / "out.csv"));
    for (int64_t row = 0; row < kRows; ++row) write_row(writer, row);
    writer.checkpoint();
  });
  const std::string partial = read_file(folder / "out.csv.partial");
  const std::string progress = read_file(folder / "out.csv.progress");
  for (const bool renamed : {false, true}) {
    write_file(folder / "out.csv.partial", partial);
    write_file(folder / "out.csv.progress", progress);
    if (renamed) write_file(folder / "out.csv", expected);
    CHECK(output_state(folder / "out.csv") == OutputState::kInterrupted);
    TableWriter writer(options_of(folder / "out.csv", true));
    CHECK(writer.num_rows() == kRows);
    write_rest(writer);
    CHECK(read_file(folder / "out.csv") == expected);
  }
  write_file(folder / "out.csv.progress", progress);  // killed between the two removals
  CHECK(output_state(folder / "out.csv") == OutputState::kComplete);
  TableWriter writer(options_of(folder / "out.csv"));
  CHECK(writer.num_rows() == 0);
  write_rest(writer);
  CHECK(files_in(folder.path()) == std::vector<std::string>{"out.csv"});
}

TEST_CASE("Rows of another run are not continued") {
  const testing::TemporaryFolder folder;
  const fs::path path = folder / "out.csv";
  in_killed_process([&] {
    TableWriter writer(options_of(path));
    write_row(writer, 0);
    writer.checkpoint();
  });
  const std::string partial = read_file(folder / "out.csv.partial");
  auto options = options_of(path, true);
  options.settings = {{"model", "2"}, {"batch-size", "8"}};
  CHECK_THROWS_MATCHES(
      TableWriter(options), UsageError,
      MessageMatches(ContainsSubstring("\n  model: then 1, now 2") && !ContainsSubstring("batch-size")));
  options = options_of(path, true);
  options.columns[1].name = "kode_1";
  CHECK_THROWS_MATCHES(TableWriter(options), UsageError,
                       MessageMatches(ContainsSubstring("now:  text,kode_1,code_2,conf")));
  CHECK(read_file(folder / "out.csv.partial") == partial);  // a refusal changes nothing

  write_file(folder / "out.csv.partial", partial.substr(0, partial.size() - 1));
  CHECK_THROWS_AS(TableWriter(options_of(path, true)), DataError);
  write_file(folder / "out.csv.partial", partial);
  const std::string progress = read_file(folder / "out.csv.progress");
  const size_t first_line = progress.find('\n') + 1;
  for (size_t size = 0; size < progress.size(); ++size) {
    write_file(folder / "out.csv.progress", progress.substr(0, size), false);
    if (size < first_line) {  // might be anybody's
      CHECK_THROWS_MATCHES(TableWriter(options_of(path, true)), UsageError,
                           MessageMatches(ContainsSubstring("out.csv.progress is not from this program")));
      continue;
    }
    CHECK_THROWS_MATCHES(TableWriter(options_of(path, true)), DataError,
                         MessageMatches(ContainsSubstring("out.csv.progress: this is no progress file")));
  }
  CHECK(TableWriter(options_of(path)).num_rows() == 0);  // starting anew is always possible
}

TEST_CASE("Two runs do not write one file") {
  const testing::TemporaryFolder folder;
  const TableWriter first(options_of(folder / "out.csv"));
  CHECK_THROWS_MATCHES(TableWriter(options_of(folder / "out.csv")), CannotWriteError,
                       MessageMatches(ContainsSubstring("another process is writing")));
  const TableWriter other(options_of(folder / "other.csv"));
  CHECK_THROWS_AS(TableWriter(options_of(folder / "none" / "out.csv")), CannotWriteError);
}

TEST_CASE("A run that fails before its first checkpoint leaves nothing behind") {
  const testing::TemporaryFolder folder;
  {
    TableWriter writer(options_of(folder / "out.csv"));
    write_row(writer, 0);
  }
  CHECK(files_in(folder.path()).empty());
  {
    TableWriter writer(options_of(folder / "out.csv"));
    write_row(writer, 0);
    writer.checkpoint();
  }
  CHECK(output_state(folder / "out.csv") == OutputState::kInterrupted);
  { const TableWriter writer(options_of(folder / "out.csv", true)); }
  CHECK(output_state(folder / "out.csv") == OutputState::kInterrupted);
}

TEST_CASE("Wrong rows and columns are errors") {
  const testing::TemporaryFolder folder;
  const fs::path path = folder / "out.csv";
  const std::vector<std::vector<OutputColumn>> wrong = {{}, {{""}}, {{"a"}, {"b"}, {"a"}}};
  for (const auto& columns : wrong) {
    CHECK_THROWS_AS(TableWriter({path, columns, {}, false}), InternalError);
  }
  TableWriter writer({path, {{"text"}, {"conf", Type::kNumber}}, {}, false});
  CHECK_THROWS_AS(writer.row(Cells{"a"}), InternalError);
  CHECK_THROWS_AS(writer.row(Cells{"a", "1"}), InternalError);
  CHECK_THROWS_AS(writer.row(Cells{1.0F, 1.0F}), InternalError);
  CHECK_THROWS_AS(writer.row(Cells{"\xFF", 1.0F}), InternalError);
  CHECK_THROWS_AS(writer.checkpoint("two\nlines"), InternalError);
  CHECK_THROWS_AS(writer.finish(std::vector<std::string>{"code"}), InternalError);
}

TEST_CASE("A table of one column keeps rows of blanks, and a text ends at a NUL") {
  const testing::TemporaryFolder folder;
  for (const char* name : {"out.csv", "out.parquet"}) {
    TableWriter writer({folder / name, {{"a"}}, {}, false});
    for (const std::string_view text :
         {std::string_view("x"), std::string_view(), std::string_view(" \t"), std::string_view("y\0z", 3)}) {
      writer.row(Cells{text});
    }
    writer.finish();
    ReadOptions options;
    options.raw_columns = {"a"};
    const Table table = read_table(folder / name, options);
    REQUIRE(table.num_rows == 4);
    CHECK(table.columns[0].text(1).empty());
    CHECK(table.columns[0].text(2) == " \t");
    CHECK(table.columns[0].text(3) == "y");
  }
}

TEST_CASE("A table without rows") {
  const testing::TemporaryFolder folder;
  for (const char* name : {"out.csv", "out.parquet"}) {
    TableWriter(options_of(folder / name)).finish();
    const Table table = read_table(folder / name, {});
    CHECK(table.num_rows == 0);
    CHECK(table.names == std::vector<std::string>{"text", "code_1", "code_2", "conf"});
  }
}

TEST_CASE("A full disk is an error with its cause, and the run can go on") {
  for (const std::string name : {"out.csv", "out.parquet"}) {
    const testing::TemporaryFolder folder;
    std::string message;
    {
      TableWriter writer({folder / name, {{"a"}, {"b", Type::kNumber}}, {}, false});
      Philox random(6, 0, 0);
      std::string text(1000, ' ');
      for (int row = 0; row < 400; ++row) {
        for (char& c : text) c = static_cast<char>('a' + random.below(26));
        writer.row(Cells{text, 1.0F});
      }
      writer.checkpoint();
      const testing::FileSizeLimit limit(100'000);
      try {
        writer.finish();
      } catch (const IoError& error) {
        message = error.what();
      }
    }
    CHECK(message.find(name) != std::string::npos);
    CHECK(message.find("File too large: this process may write files of at most 100,000 bytes") != std::string::npos);
    CHECK(output_state(folder / name) == OutputState::kInterrupted);
    TableWriter({folder / name, {{"a"}, {"b", Type::kNumber}}, {}, true}).finish();
    CHECK(read_table(folder / name, {}).num_rows == 400);
  }
}

TEST_CASE("Equal to pandas: numbers in CSV, types and nulls in Parquet") {
  const testing::TemporaryFolder folder;
  std::vector<float> numbers = {0.0F,
                                1.0F,
                                -0.0F,
                                0.1F,
                                1e-4F,
                                9.9e-5F,
                                1e16F,
                                3e38F,
                                1e-45F,
                                0.33333334F,
                                std::numeric_limits<float>::infinity(),
                                std::nanf("")};
  Philox random(7, 0, 0);
  for (int i = 0; i < 2000; ++i) numbers.push_back(static_cast<float>(random.uniform()));
  for (const char* name : {"ours.csv", "ours.parquet"}) {
    TableWriter writer({folder / name, {{"text"}, {"conf", Type::kNumber}}, {}, false});
    for (size_t i = 0; i < numbers.size(); ++i) {
      writer.row(Cells{i % 3 == 0 ? OutputCell() : OutputCell("b\xC3\xA6"), numbers[i]});
    }
    writer.finish();
  }
  testing::run_python(R"(
import pandas, pyarrow.parquet
table = pandas.read_parquet('ours.parquet')
assert table.conf.dtype == 'float32' and table.text[0] is None and table.text[1] == 'b\u00e6', table
assert str(pyarrow.parquet.read_schema('ours.parquet').field('text').type) == 'string'
table.to_csv('pandas.csv', index=False)
)",
                      folder.path());
  CHECK(read_file(folder / "ours.csv") == read_file(folder / "pandas.csv"));
}

}  // namespace
}  // namespace canine
