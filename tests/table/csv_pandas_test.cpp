#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/table/table.hpp"
#include "odd_csv.hpp"
#include "support/python.hpp"
#include "test_paths.hpp"

namespace canine {
namespace {

using nlohmann::json;

/// pandas 2.3 goes wrong behind a lone CR: where a blank follows it reads earlier lines again, where a comma follows a
/// blank line it drops the comma.
bool hits_a_pandas_bug(const std::string& text) {
  static const std::regex pattern("\\r[ \\t]|(^|[\\r\\n]|\xEF\xBB\xBF)[ \\t]*\\r,");
  return std::regex_search(text, pattern);
}

/// The file with commas for tabs and tabs for commas.
std::string with_tabs(std::string text) {
  for (char& c : text) c = c == ',' ? '\t' : c == '\t' ? ',' : c;
  return text;
}

/// What this project reads: {"names": [...], "rows": [[...]]} with null for missing cells, or "error".
json read_by_us(const std::filesystem::path& path, const ReadOptions& options) {
  try {
    const Table table = read_table(path, options);
    json rows = json::array();
    for (int64_t row = 0; row < table.num_rows; ++row) {
      json cells = json::array();
      for (const StringColumn& column : table.columns) {
        cells.push_back(column.missing(row) ? json() : json(column.text(row)));
      }
      rows.push_back(cells);
    }
    return {{"names", table.names}, {"rows", rows}};
  } catch (const DataError&) {
    return "error";
  }
}

constexpr std::string_view kReadByPandas = R"(
import io, json, warnings
import pandas
warnings.simplefilter('ignore')
def read(case):
    options = {}
    if case['columns']:
        options['usecols'] = case['columns']
    if case['tabs']:
        options['sep'] = '\t'
    if case['raw']:
        options['converters'] = {name: lambda text: text for name in case['raw']}
    try:
        table = pandas.read_csv(io.BytesIO(bytes.fromhex(case['bytes'])), dtype=str, **options)
    except (ValueError, pandas.errors.ParserError, pandas.errors.EmptyDataError):
        return 'error'
    if not isinstance(table.index, pandas.RangeIndex):
        return 'error'
    if case['columns']:
        table = table[case['columns']]
    rows = [[None if cell is None or cell != cell else cell for cell in row] for row in table.values.tolist()]
    return {'names': list(table.columns), 'rows': rows}
print(json.dumps([read(case) for case in json.load(open('cases.json'))]))
)";

std::string hex_of(const std::string& text) {
  std::string hex;
  for (const char byte : text) hex += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return hex;
}

TEST_CASE("Equal to pandas on odd files, also on a part of their columns and with raw columns") {
  const testing::TemporaryFolder folder;
  std::vector<json> ours;
  json cases = json::array();
  for (uint64_t row = 0; row < 3000; ++row) {
    const bool tabs = row % 6 == 5;
    std::string text = testing::odd_csv(row);
    if (hits_a_pandas_bug(text)) continue;
    if (tabs) text = with_tabs(text);
    const std::filesystem::path path = folder / (tabs ? "file.tsv" : "file.csv");
    write_file(path, text, false);
    ReadOptions options;
    options.warn = false;
    const json whole = read_by_us(path, options);
    if (whole.is_object() || row % 2 == 0) {
      std::vector<std::string> names = {"a", "b"};
      if (whole.is_object()) names = whole["names"].get<std::vector<std::string>>();
      if (row % 3 == 1) options.columns = {names.back()};
      if (row % 5 < 2) options.raw_columns = {names.back()};
    }
    if (!whole.is_object() && !options.columns.empty()) {  // pandas lets rows with too many fields pass then
      CHECK(read_by_us(path, options) == "error");
      continue;
    }
    cases.push_back(
        {{"bytes", hex_of(text)}, {"columns", options.columns}, {"raw", options.raw_columns}, {"tabs", tabs}});
    ours.push_back(read_by_us(path, options));
  }
  for (const char* name : {"prepared/messy.csv", "prepared/blank.csv", "source.csv", "data/data_train.csv"}) {
    const std::filesystem::path path = std::filesystem::path(CANINE_FIXTURES "/tiny_a") / name;
    cases.push_back(
        {{"bytes", hex_of(read_file(path))}, {"columns", json::array()}, {"raw", json::array()}, {"tabs", false}});
    ours.push_back(read_by_us(path, {}));
    REQUIRE(ours.back().is_object());
  }
  std::ofstream(folder / "cases.json") << cases;
  const json pandas = json::parse(testing::run_python(kReadByPandas, folder.path()));
  REQUIRE(pandas.size() == ours.size());
  size_t num_tables = 0;
  size_t num_errors = 0;
  for (size_t i = 0; i < ours.size(); ++i) {
    ++(ours[i].is_object() ? num_tables : num_errors);
    if (ours[i] == pandas[i]) continue;
    INFO("case " << i << ": " << cases[i]);
    CHECK(ours[i].dump(-1, ' ', true) == pandas[i].dump(-1, ' ', true));
  }
  CHECK(num_tables > 1000);
  CHECK(num_errors > 200);
}

}  // namespace
}  // namespace canine
