// Rules, messages and lists of preparation.

#include "canine/data/prepare.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <functional>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/table/table.hpp"
#include "support.hpp"
#include "support/python.hpp"

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::EndsWith;
using Catch::Matchers::MessageMatches;
namespace fs = std::filesystem;

/// A folder with a source file, and what preparing it says.
struct Bench {
  explicit Bench(const std::string& source) {
    options.dataset = testing::write_text(folder / "source.csv", source);
    options.input_col = "text";
    options.target_cols = {"a"};
    options.block_size = 3;
  }

  PreparedData run() {
    const testing::Captured captured_out(STDOUT_FILENO), captured_err(STDERR_FILENO);
    PreparedData prepared = prepare(options, folder.path());
    out = captured_out.text();
    err = captured_err.text();
    return prepared;
  }
  std::string file(const char* name) const { return read_file(folder / name); }

  testing::TemporaryFolder folder;
  PrepareOptions options;
  std::string out;
  std::string err;
};

TEST_CASE("Validation rows are a truncated share of the rows, none and all included", "[prepare]") {
  Bench bench("text,a\nv,111\nw,222\nx,333\n");
  bench.options.share_val = 0;
  CHECK(bench.run().num_val == 0);
  CHECK(bench.file("data_val.csv") == "occ1,a,lang\n");
  CHECK(bench.file("data_train.csv") == "occ1,a,lang\nv,111,unk\nw,222,unk\nx,333,unk\n");

  bench.options.overwrite_prepared = true;
  bench.options.share_val = 0.99;
  CHECK(bench.run().num_val == 2);
  bench.options.share_val = 1;
  CHECK(bench.run().num_train == 0);
  CHECK(bench.file("data_train.csv") == "occ1,a,lang\n");
}

TEST_CASE("Every rejected row is counted by reason, shown and listed", "[prepare]") {
  Bench bench(
      "text,a,b\ng,111,222\nx,1234,\ny,1 "
      "3,\nz,111,22222\nv,\xC3\xB8\xC3\xB8,\nw,1&2,333\n\"q\nq\",999,\nlast,\"1\n2\",\n");
  bench.options.target_cols = {"a", "b"};
  CHECK_THROWS_MATCHES(
      bench.run(), DataError,
      MessageMatches(ContainsSubstring("6 of 8 rows") && ContainsSubstring("code too long: 2") &&
                     ContainsSubstring("unknown character: 3") && ContainsSubstring("too many codes: 1") &&
                     ContainsSubstring("source.csv, line 3, column a: code too long: '1234'") &&
                     ContainsSubstring("line 4, column a: unknown character: ' '") &&
                     ContainsSubstring("line 5, column b: code too long: '22222'") && ContainsSubstring("and 3 more") &&
                     ContainsSubstring("--drop-bad-labels") &&
                     EndsWith("listed in " + (bench.folder / "bad_rows.csv").string() + ".")));
  CHECK_FALSE(fs::exists(bench.folder / "data_train.csv"));
  CHECK_FALSE(fs::exists(bench.folder / "key.csv"));

  bench.options.drop_bad_labels = true;
  CHECK(bench.run().num_train == 2);
  CHECK_THAT(bench.out, ContainsSubstring("Dropped 6 rows") && ContainsSubstring("code too long: 2"));
  const Table list = read_table(bench.folder / "bad_rows.csv", {});
  REQUIRE(list.num_rows == 6);
  const auto row = [&list](int64_t i) {
    return fmt::format("{}|{}|{}", list.column("line").text(i), list.column("column").text(i),
                       list.column("code").text(i));
  };
  CHECK(row(0) == "3|a|1234");
  CHECK(row(1) == "4|a|1 3");
  CHECK(row(2) == "5|b|22222");
  CHECK(row(3) == "6|a|\xC3\xB8\xC3\xB8");
  CHECK(row(4) == "7|a&b|1&2&333");
  CHECK(row(5) == "10|a|1\n2");
  CHECK_THAT(std::string(list.column("reason").text(0)), ContainsSubstring("a block holds 3"));
}

TEST_CASE("A list of bad rows goes when there are none any more", "[prepare]") {
  Bench bench("text,a\nx,1234\ny,111\n");
  CHECK_THROWS_AS(bench.run(), DataError);
  CHECK(fs::exists(bench.folder / "bad_rows.csv"));
  testing::write_text(bench.options.dataset, "text,a\nx,123\ny,111\n");
  bench.run();
  CHECK_FALSE(fs::exists(bench.folder / "bad_rows.csv"));
}

TEST_CASE("Short codes are refused with examples unless allowed", "[prepare]") {
  Bench bench("text,a,b\ng,111,222\ns,12,\nt,111,3\nq,?,\nr,?,4\nn,,\nu,111,?\n");
  bench.options.target_cols = {"a", "b"};
  CHECK_THROWS_MATCHES(
      bench.run(), DataError,
      MessageMatches(ContainsSubstring("4 of 7 rows have codes shorter") &&
                     ContainsSubstring("line 3, column a: short code: '12'") &&
                     ContainsSubstring("line 4, column b: short code: '3'") &&
                     ContainsSubstring("line 6, column b: short code: '4'") && ContainsSubstring("and 1 more") &&
                     ContainsSubstring("--allow-codes-shorter-than-block-size")));
  CHECK(read_table(bench.folder / "bad_rows.csv", {}).num_rows == 4);
  bench.options.allow_codes_shorter_than_block_size = true;
  CHECK(bench.run().num_train == 7);
  CHECK_THAT(bench.out, ContainsSubstring("4 of 7 rows have codes shorter"));
  CHECK_FALSE(fs::exists(bench.folder / "bad_rows.csv"));
}

TEST_CASE("Bad and short rows are reported together", "[prepare]") {
  Bench bench("text,a\nx,1234\ny,1\n");
  CHECK_THROWS_MATCHES(bench.run(), DataError,
                       MessageMatches(ContainsSubstring("--drop-bad-labels") &&
                                      ContainsSubstring("--allow-codes-shorter-than-block-size")));
  CHECK(read_table(bench.folder / "bad_rows.csv", {}).num_rows == 2);
}

TEST_CASE("A cell of enormous length does not flood the message", "[prepare]") {
  Bench bench("text,a\nx," + std::string(100'000, '1') + "\n");
  try {
    bench.run();
    FAIL("no error");
  } catch (const DataError& error) {
    CHECK(std::string_view(error.what()).size() < 2000);
  }
}

TEST_CASE("Oddities that are kept are warned of with their counts", "[prepare]") {
  Bench bench("text,a,b,c,l\none,111,,222,en\ntwo,111&222,,,en\n,333,,,en\none,444,,,\none,555,,,en\n");
  bench.options.target_cols = {"a", "b", "c"};
  bench.options.language_col = "l";
  bench.options.share_val = 0.4;  // rows 1 and 4 (counted from 0), as NumPy draws with seed 42
  bench.run();
  REQUIRE(bench.file("data_val.csv") == "occ1,a,b,c,lang\ntwo,111&222,,,en\none,555,,,en\n");
  CHECK_THAT(bench.err, ContainsSubstring("warning: 1 validation row has a description"));
  CHECK_THAT(bench.err, ContainsSubstring("2 codes occur in the validation rows only"));
  CHECK_THAT(bench.err, ContainsSubstring("1 row has a '&'"));
  CHECK_THAT(bench.err, ContainsSubstring("1 row has a code behind an empty label column"));
  CHECK_THAT(bench.err, ContainsSubstring("1 row has no description"));
  CHECK_THAT(bench.err, ContainsSubstring("1 row has no language"));
}

TEST_CASE("Clean data gives no warnings", "[prepare]") {
  Bench bench("text,a\nv,111\nw,222\nx,111\ny,222\n");
  bench.options.share_val = 0.25;
  bench.run();
  CHECK(bench.err.empty());
  CHECK_THAT(bench.out, ContainsSubstring("Loaded 4 rows") && ContainsSubstring("2 codes") &&
                            ContainsSubstring("3 training rows, 1 validation row (") && ContainsSubstring("Saved"));
}

TEST_CASE("Progress is shown from 100,000 rows on", "[prepare]") {
  const auto scanned = [](int rows) {
    std::string source = "text,a\n";
    for (int row = 0; row < rows; ++row) source += "x,111\n";
    Bench bench(source);
    bench.options.num_threads = 3;
    bench.run();
    return bench.out.find("Scanned 100,000 of 100,000 rows") != std::string::npos;
  };
  CHECK_FALSE(scanned(99'999));
  CHECK(scanned(100'000));
}

TEST_CASE("Any number of threads makes the same files", "[prepare]") {
  std::string source = "text,a,b\n";
  for (int row = 0; row < 6000; ++row) {
    const char* const a = row % 7 == 3 ? "1234" : row % 11 == 5 ? "12" : "123";
    source += fmt::format("text {},{},{}\n", row % 1000, a, row % 5 == 0 ? std::to_string(row % 900 + 100) : "");
  }
  const auto files_with = [&source](int num_threads) {
    Bench bench(source);
    bench.options.target_cols = {"a", "b"};
    bench.options.drop_bad_labels = bench.options.allow_codes_shorter_than_block_size = true;
    bench.options.num_threads = num_threads;
    bench.run();
    return bench.file("data_train.csv") + bench.file("data_val.csv") + bench.file("key.csv") +
           bench.file("bad_rows.csv");
  };
  const std::string alone = files_with(1);
  CHECK(files_with(3) == alone);
  CHECK(files_with(4) == alone);
}

TEST_CASE("A lone carriage return survives", "[prepare]") {
  Bench bench("text,a\n\"one\rtwo\",111\n\"\r\",222\n\"end\r\n\",333\n");
  bench.options.share_val = 0;
  bench.run();
  CHECK(testing::run_python("import pandas\n"
                            "data = pandas.read_csv('data_train.csv', dtype=str, converters={'occ1': lambda x: x})\n"
                            "print([list(row) for row in data.values])",
                            bench.folder.path()) ==
        "[['one\\rtwo', '111', 'unk'], ['\\r', '222', 'unk'], ['end\\r\\n', '333', 'unk']]\n");
}

TEST_CASE("Parquet files are prepared like the CSV file with the same content", "[prepare]") {
  const testing::TemporaryFolder folder;
  testing::run_python(
      "import pandas\n"
      "data = pandas.DataFrame({'text': ['a', 'b', None, 'd', 'NA'], 'x': [1.0, 22, 333, None, 5],\n"
      "                         'y': ['NA', '', ' ', None, '7']})\n"
      "data.to_parquet('source.parquet')\n"
      "data['x'] = data['x'].astype('Int64')\n"
      "data.to_csv('source.csv', index=False)\n",
      folder.path());
  const auto prepared_from = [&folder](const char* source) {
    PrepareOptions options;
    options.dataset = folder / source;
    options.input_col = "text";
    options.target_cols = {"x", "y"};
    options.share_val = 0;
    options.allow_codes_shorter_than_block_size = true;
    const testing::TemporaryFolder out;
    const testing::Captured captured_out(STDOUT_FILENO), captured_err(STDERR_FILENO);
    prepare(options, out.path());
    return read_file(out / "data_train.csv") + read_file(out / "key.csv");
  };
  const std::string from_parquet = prepared_from("source.parquet");
  CHECK(from_parquet.starts_with("occ1,x,y,lang\na,1,,unk\nb,22,,unk\n,333,,unk\nd,?,,unk\nNA,5,7,unk\n"));
  // A text "NA" is a text in Parquet and missing in CSV.
  const std::string from_csv = prepared_from("source.csv");
  CHECK(from_csv == from_parquet.substr(0, from_parquet.find("NA,5")) + from_csv.substr(from_csv.find(",5,7")));
}

TEST_CASE("Files without usable rows are refused", "[prepare]") {
  CHECK_THROWS_AS(Bench("text,a\n").run(), DataError);
  Bench all_bad("text,a\nx,1234\n");
  all_bad.options.drop_bad_labels = true;
  CHECK_THROWS_AS(all_bad.run(), DataError);
  Bench surplus("text,a\nx,123\ny,123,9\n");
  CHECK_THROWS_MATCHES(surplus.run(), DataError, MessageMatches(ContainsSubstring("line 3")));
}

TEST_CASE("Missing columns are named with their flag", "[prepare]") {
  const auto refused = [](const std::function<void(PrepareOptions&)>& change, const std::string& expected) {
    Bench bench("text,a\nx,111\n");
    change(bench.options);
    CHECK_THROWS_MATCHES(bench.run(), UsageError, MessageMatches(ContainsSubstring(expected)));
  };
  refused([](auto& options) { options.input_col = "occ1"; }, "--input-col occ1");
  refused([](auto& options) { options.target_cols = {"a", "zz"}; }, "--target-cols zz");
  refused([](auto& options) { options.language_col = "sprog"; }, "--language-col sprog");
  refused([](auto& options) { options.dataset.clear(); }, "--dataset");
  const auto refused_file = [](const std::string& source, const std::string& expected) {
    Bench bench(source);
    CHECK_THROWS_MATCHES(bench.run(), UsageError, MessageMatches(ContainsSubstring(expected)));
  };
  refused_file("text;a\nx;111\n", "separated by ';' where commas are expected");
  refused_file("text\ta\nx\t111\n", "Give the file a name that ends in .tsv");
  Bench absent("text,a\nx,111\n");
  absent.options.dataset = absent.folder / "nothing.csv";
  CHECK_THROWS_AS(absent.run(), IoError);
}

TEST_CASE("Impossible options are refused before any work", "[prepare]") {
  const auto refused = [](const std::function<void(PrepareOptions&)>& change, const std::string& expected) {
    PrepareOptions options;
    options.target_cols = {"a"};
    CHECK_NOTHROW(options.validate());
    change(options);
    CHECK_THROWS_MATCHES(options.validate(), UsageError, MessageMatches(ContainsSubstring(expected)));
  };
  refused([](auto& options) { options.target_cols.clear(); }, "--target-cols");
  refused([](auto& options) { options.target_cols = {"a", "b", "a"}; }, "named twice");
  refused([](auto& options) { options.target_cols = {"lang"}; }, "lang");
  refused([](auto& options) { options.target_cols = {"occ1"}; }, "occ1");
  refused([](auto& options) { options.input_col = std::string("a"); }, "column of descriptions");
  refused([](auto& options) { options.input_col.clear(); }, "--input-col");
  refused([](auto& options) { options.language = "en", options.language_col = "l"; }, "--language-col l");
  refused([](auto& options) { options.language = "NA"; }, "--language 'NA'");
  refused([](auto& options) { options.block_size = 0; }, "--block-size 0");
  refused([](auto& options) { options.share_val = 1.5; }, "--share-val 1.5");
  refused([](auto& options) { options.share_val = -0.1; }, "--share-val");
  refused([](auto& options) { options.share_val = 0.0 / 0.0; }, "--share-val");
  refused([](auto& options) { options.num_threads = -1; }, "threads");
}

}  // namespace
}  // namespace canine
