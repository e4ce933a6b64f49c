#include "canine/table/csv_writer.hpp"

#include <fmt/format.h>

#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "canine/core/file.hpp"
#include "canine/core/random.hpp"
#include "canine/table/table.hpp"
#include "support/python.hpp"

namespace canine {
namespace {

using Cells = std::vector<std::optional<std::string_view>>;

std::string written(const Cells& cells, std::string_view line_end = "\n") {
  std::string out;
  CsvWriter(out, line_end).row(cells);
  return out;
}

TEST_CASE("Fields are quoted where they must be") {
  CHECK(written({"a", " b ", "\xC3\xA6", "'c'", "d;e\tf"}) == "a, b ,\xC3\xA6,'c',d;e\tf\n");
  CHECK(written({"a,b", "c\"d", "e\nf", "g\rh", "\""}) == "\"a,b\",\"c\"\"d\",\"e\nf\",\"g\rh\",\"\"\"\"\n");
  CHECK(written({"", std::nullopt, "x"}) == ",,x\n");
  CHECK(written({""}) == "\"\"\n");
  CHECK(written({std::nullopt}) == "\"\"\n");
  CHECK(written({"a", "b"}, "\r\n") == "a,b\r\n");
  std::string out;
  CsvWriter writer(out);
  writer.row(std::vector<std::string_view>{"a", "b"});
  writer.row(std::vector<std::string_view>{"1", "2,3"});
  CHECK(out == "a,b\n1,\"2,3\"\n");
}

/// Columns of cells with all that wants quotes.
std::vector<std::vector<std::optional<std::string>>> odd_columns(uint64_t number, size_t num_columns, bool with_cr) {
  Philox random(8, 0, number);
  static constexpr std::string_view kPieces[] = {"a", "b ", ",", "\"", "\n", "\xC3\xA6", "\xF0\x9F\x98\x80", "1", "\r"};
  std::vector<std::vector<std::optional<std::string>>> columns(num_columns);
  for (auto& column : columns) {
    for (int row = 0; row < 200; ++row) {
      std::string text;
      for (uint32_t i = 0, length = random.below(5); i < length; ++i) text += kPieces[random.below(with_cr ? 9 : 8)];
      column.push_back(random.below(6) == 0 ? std::nullopt : std::optional(text));
    }
  }
  return columns;
}

std::string written(const std::vector<std::vector<std::optional<std::string>>>& columns) {
  std::string out;
  CsvWriter writer(out);
  std::vector<std::string> names;
  for (size_t i = 0; i < columns.size(); ++i) names.push_back(fmt::format("c{}", i));
  writer.row(std::vector<std::string_view>(names.begin(), names.end()));
  for (size_t row = 0; row < columns[0].size(); ++row)
    writer.row([&] {
      Cells cells;
      for (const auto& column : columns) cells.emplace_back(column[row]);
      return cells;
    }());
  return out;
}

TEST_CASE("The bytes are those of pandas' to_csv") {
  const testing::TemporaryFolder folder;
  nlohmann::json tables = nlohmann::json::array();
  std::vector<std::string> ours;
  for (uint64_t number = 0; number < 20; ++number) {
    const auto columns = odd_columns(number, 1 + number % 3, false);
    nlohmann::json table = nlohmann::json::array();
    for (const auto& column : columns) {
      nlohmann::json cells = nlohmann::json::array();
      for (const auto& cell : column) cells.push_back(cell ? nlohmann::json(*cell) : nlohmann::json());
      table.push_back(cells);
    }
    tables.push_back(table);
    ours.push_back(written(columns));
  }
  std::ofstream(folder / "tables.json") << tables;
  testing::run_python(R"(
import json
import pandas
for i, columns in enumerate(json.load(open('tables.json'))):
    table = pandas.DataFrame({f'c{k}': pandas.Series(cells, dtype=object) for k, cells in enumerate(columns)})
    table.to_csv(f'{i}.csv', index=False)
)",
                      folder.path());
  for (size_t i = 0; i < ours.size(); ++i) CHECK(read_file(folder / fmt::format("{}.csv", i)) == ours[i]);
}

TEST_CASE("What is written is read again, a lone CR too") {
  const testing::TemporaryFolder folder;
  for (uint64_t number = 0; number < 20; ++number) {
    const auto columns = odd_columns(number, 1 + number % 3, true);
    write_file(folder / "file.csv", written(columns), false);
    const Table table = read_table(folder / "file.csv", {});
    REQUIRE(table.columns.size() == columns.size());
    for (size_t c = 0; c < columns.size(); ++c) {
      REQUIRE(table.num_rows == static_cast<int64_t>(columns[c].size()));
      for (int64_t row = 0; row < table.num_rows; ++row) {
        const auto& cell = columns[c][static_cast<size_t>(row)];
        CHECK(table.columns[c].text(row) == cell.value_or(""));
        CHECK(table.columns[c].missing(row) == cell.value_or("").empty());
      }
    }
  }
}

}  // namespace
}  // namespace canine
