#include "canine/data/dataset.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <map>
#include <set>

#include "canine/core/errors.hpp"
#include "support.hpp"
#include "support/general_system.hpp"
#include "support/python.hpp"

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
namespace fs = std::filesystem;

/// Two label columns of codes up to three characters.
struct Source {
  Source() {
    auto codes = std::make_shared<LabelKey>();
    // The key of reference/data.md section 5.2.
    for (const char* code : {"111", "", "222", "333", "?", "444", "555", "666", "12", "777", "888", "999"}) {
      codes->add(*code ? std::optional<std::string_view>(code) : std::nullopt);
    }
    options.system = std::make_shared<CodeSystem>(testing::general_system({"a", "b"}, 3, codes));
  }

  explicit Source(FormatterKind kind) {
    options.system = std::make_shared<CodeSystem>(CodeSystem::Options{.formatter = {.kind = kind}});
  }

  Source& add_file(const std::string& text) {
    const fs::path path = folder / (std::to_string(options.files.size()) + ".csv");
    options.files.push_back(testing::write_text(path, text));
    return *this;
  }

  Dataset load() {
    const testing::Captured captured(STDERR_FILENO);
    Dataset data(options);
    err = captured.text();
    return data;
  }

  testing::TemporaryFolder folder;
  Dataset::Options options;
  std::string err;
};

struct Labels {
  std::vector<int64_t> sequence;
  std::set<size_t> positive;
};

Labels labels_of(const Dataset& data, int64_t row) {
  Labels labels;
  labels.sequence.resize(static_cast<size_t>(data.formatter().layout().sequence_length()));
  std::vector<float> flat(static_cast<size_t>(data.num_classes()), 0.0f);
  data.labels(row, labels.sequence, flat);
  for (size_t i = 0; i < flat.size(); ++i) {
    if (flat[i] == 1.0f) {
      labels.positive.insert(i);
    } else {
      CHECK(flat[i] == 0.0f);
    }
  }
  return labels;
}

TEST_CASE("Rows of several files follow each other", "[dataset]") {
  Source source;
  const Dataset data = source.add_file("occ1,a,b,lang\nfarmer,111,,en\n\"smith, black\",?,444,da\n")
                           .add_file("lang,b,a,more,occ1\nen,222,111,zzz,baker\n")
                           .load();
  REQUIRE(data.size() == 3);
  CHECK(data.num_classes() == 12);
  CHECK(data.text(0) == "farmer");
  CHECK(data.text(1) == "smith, black");
  CHECK(data.text(2) == "baker");
  CHECK(data.language(0) == "en");
  CHECK(data.language(1) == "da");
  CHECK(data.language(2) == "en");
  CHECK(labels_of(data, 2).sequence == std::vector<int64_t>{2, 1005, 1005, 1005, 1006, 1006, 1006, 3});
  CHECK(source.err.empty());
}

TEST_CASE("Sequence and flat targets follow the reference", "[dataset]") {
  Source source;
  const Dataset data =
      source.add_file("occ1,a,b,lang\ntwo,666,12,en\nfarmer,111,,en\ntwice,222,222,en\ngap,,333,en\nnone,?,NA,en\n")
          .load();
  // reference/data.md section 7: row 666, 12 gives classes 7 and 8; row 111, missing gives class 0
  CHECK(labels_of(data, 0).positive == std::set<size_t>{7, 8});
  CHECK(labels_of(data, 0).sequence == std::vector<int64_t>{2, 1010, 1010, 1010, 1005, 1006, 3, 3});
  CHECK(labels_of(data, 1).positive == std::set<size_t>{0});
  CHECK(labels_of(data, 1).sequence == std::vector<int64_t>{2, 1005, 1005, 1005, 1, 1, 1, 3});
  CHECK(labels_of(data, 2).positive == std::set<size_t>{2});
  CHECK(labels_of(data, 3).positive.empty());
  CHECK(labels_of(data, 3).sequence == std::vector<int64_t>{2, 3, 3, 3, 1, 1, 1, 3});
  CHECK(labels_of(data, 4).positive == std::set<size_t>{4});
}

TEST_CASE("Words for missing values are descriptions, and missing as language", "[dataset]") {
  Source source;
  const Dataset data = source.add_file("occ1,a,b,lang\nNA,111,,\n,111,,NA\nnull,111,,unk\nx,111,,en\n").load();
  CHECK(data.text(0) == "NA");
  CHECK(data.text(1).empty());
  CHECK(data.text(2) == "null");
  for (int64_t row = 0; row < 3; ++row) CHECK(data.language(row) == "unk");
  CHECK(data.language(3) == "en");
  CHECK_THAT(source.err, ContainsSubstring("2 of 4 rows have no language"));
}

TEST_CASE("Faults are named with file, line and column", "[dataset]") {
  const auto refused = [](const std::string& text, const std::string& where, const std::string& what) {
    Source source;
    source.add_file("occ1,a,b,lang\nfine,111,,en\n").add_file(text);
    CHECK_THROWS_MATCHES(source.load(), DataError, MessageMatches(ContainsSubstring(where) && ContainsSubstring(what)));
  };
  refused("occ1,a,b,lang\nx,111,,en\n\ny,111,1234,en\n", "1.csv, line 4, column b", "code too long");
  refused("occ1,a,b,lang\nx,111,,en\ny,11 ,,en\n", "1.csv, line 3, column a", "unknown character");
  refused("occ1,a,b,lang\nx,111&222,333,en\n", "1.csv, line 2, column a&b", "too many codes");
  refused("occ1,a,b,lang\nx,111,,en\ny,111,224,en\n", "1.csv, line 3, column b", "'224' is none of the 12");
  refused("occ1,a,lang\nx,111,en\n", "1.csv", "'b'");
  refused("a,b,lang\n111,,en\n", "1.csv", "'occ1'");
}

TEST_CASE("Several faults are named together", "[dataset]") {
  Source source;
  std::string text = "occ1,a,b,lang\nx,1234,,en\nfine,111,,en\ny,111,224,en\n";
  SECTION("all of a few") {
    source.add_file(text);
    CHECK_THROWS_MATCHES(source.load(), DataError,
                         MessageMatches(ContainsSubstring("2 of 3 rows cannot be used:\n") &&
                                        ContainsSubstring("0.csv, line 2, column a, '1234'") &&
                                        ContainsSubstring("0.csv, line 4, column b: the code '224'")));
  }
  SECTION("the first of many") {
    for (int row = 0; row < 20; ++row) text += "z,1234,,en\n";
    source.add_file(text);
    CHECK_THROWS_MATCHES(source.load(), DataError,
                         MessageMatches(ContainsSubstring("22 of 23 rows") && ContainsSubstring("line 12,") &&
                                        !ContainsSubstring("line 13,") && ContainsSubstring("and 12 more")));
  }
}

TEST_CASE("The first fault is named whatever the number of threads", "[dataset]") {
  std::string text = "occ1,a,b,lang\n";
  for (int row = 0; row < 20'000; ++row) text += row >= 4100 && row % 4100 == 0 ? "x,1234,,en\n" : "x,111,,en\n";
  for (const int num_threads : {1, 4}) {
    Source source;
    source.options.num_threads = num_threads;
    source.add_file(text);
    CHECK_THROWS_MATCHES(source.load(), DataError, MessageMatches(ContainsSubstring("line 4102,")));
  }
}

TEST_CASE("Cells of HISCO columns are class numbers", "[dataset]") {
  Source source(FormatterKind::kHisco);
  const Dataset data = source
                           .add_file(
                               "occ1,lang,code1,code2,code3,code4,code5\n"
                               "x,en,123,0,2,,\ny,en,123.0,,,,\ngap,en,0,,5,,\nfive,en,1918,1917,3,4,5\n")
                           .load();
  CHECK(data.num_classes() == 1919);
  CHECK(labels_of(data, 0).positive == std::set<size_t>{0, 2, 123});
  CHECK(labels_of(data, 0).sequence ==
        std::vector<int64_t>{2, 8, 11, 13, 13, 8, 5, 5, 5, 5, 5, 7, 7, 7, 7, 7, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 3});
  CHECK(labels_of(data, 1).positive == std::set<size_t>{123});
  CHECK(labels_of(data, 2).positive == std::set<size_t>{0});
  CHECK(labels_of(data, 3).positive == std::set<size_t>{3, 4, 5, 1917, 1918});

  const auto refused = [](const std::string& cells, const std::string& where, const std::string& what) {
    Source bad(FormatterKind::kHisco);
    bad.add_file("occ1,lang,code1,code2,code3,code4,code5\nx,en,1,,,,\ny,en," + cells + "\n");
    CHECK_THROWS_MATCHES(bad.load(), DataError, MessageMatches(ContainsSubstring(where) && ContainsSubstring(what)));
  };
  refused("1,61110,,,", "0.csv, line 3, column code2, '61110'", "not the codes themselves");
  refused("abc,,,,", "line 3, column code1, 'abc'", "is no number");
  refused(",5,,,", "line 3, column code1", "no code: the first label column is empty");
  CHECK_THROWS_MATCHES(Source(FormatterKind::kHisco).add_file("occ1,lang,code1\nx,en,1\n").load(), DataError,
                       MessageMatches(ContainsSubstring("code2")));
}

TEST_CASE("A blank in an OCC1950 column is a missing code", "[dataset]") {
  // docs/differences.md D10; a second column with missing cells comes from pandas as floats
  Source source(FormatterKind::kOcc1950);
  const Dataset data = source
                           .add_file(
                               "occ1,lang,OCC1950_1,OCC1950_2\n"
                               "two,en,12,7\nblank,en,123, \nempty,en,005,\nfloat,en,23,456.0\n")
                           .load();
  CHECK(data.num_classes() == 1000);
  CHECK(labels_of(data, 0).positive == std::set<size_t>{7, 12});
  CHECK(labels_of(data, 0).sequence == std::vector<int64_t>{2, 5, 6, 7, 5, 5, 12, 3});
  CHECK(labels_of(data, 1).positive == std::set<size_t>{123});
  CHECK(labels_of(data, 1).sequence == std::vector<int64_t>{2, 6, 7, 8, 1, 1, 1, 3});
  CHECK(labels_of(data, 2).positive == std::set<size_t>{5});
  CHECK(labels_of(data, 3).positive == std::set<size_t>{23, 456});
  source.add_file("occ1,lang,OCC1950_1,OCC1950_2\nx,en, ,123\n");
  CHECK_THROWS_MATCHES(source.load(), DataError, MessageMatches(ContainsSubstring("1.csv, line 2, column OCC1950_1")));
}

TEST_CASE("CSV and Parquet files mix, whatever types the Parquet columns have", "[dataset]") {
  Source source(FormatterKind::kHisco);
  source.add_file("occ1,lang,code1,code2,code3,code4,code5\nfirst,en,3,,,,\n");
  testing::run_python(R"(
import pandas
rows = {'occ1': ['second', 'third'], 'lang': ['da', None], 'code1': [123, 4], 'code2': [0.0, float('nan')],
        'code3': ['2', None], 'code4': [None, None], 'code5': [float('nan'), float('nan')]}
pandas.DataFrame(rows).to_parquet('rows.parquet')
)",
                      source.folder.path());
  source.options.files.push_back(source.folder / "rows.parquet");
  source.add_file("code5,code4,code3,code2,code1,lang,occ1\n,,,5,1918,en,fourth\n");
  const Dataset data = source.load();
  REQUIRE(data.size() == 4);
  CHECK(data.text(1) == "second");
  CHECK(data.language(1) == "da");
  CHECK(data.language(2) == "unk");
  CHECK(labels_of(data, 0).positive == std::set<size_t>{3});
  CHECK(labels_of(data, 1).positive == std::set<size_t>{0, 2, 123});
  CHECK(labels_of(data, 2).positive == std::set<size_t>{4});
  CHECK(labels_of(data, 3).positive == std::set<size_t>{5, 1918});
}

TEST_CASE("Rows with codes that a model lacks can be kept, without labels", "[dataset]") {
  Source source;
  source.options.keep_unknown_codes = true;
  const Dataset data = source
                           .add_file(
                               "occ1,a,b,lang\nknown,111,222,en\nno class,111,224,en\nno code,1 1,,en\n"
                               "too many,111&222,333&224,en\nknown too,?,,en\n")
                           .load();
  REQUIRE(data.size() == 5);
  CHECK(data.num_without_labels() == 3);
  for (const int64_t row : {0, 4}) CHECK(data.has_labels(row));
  for (const int64_t row : {1, 2, 3}) {
    CHECK_FALSE(data.has_labels(row));
    CHECK(labels_of(data, row).positive.empty());
    CHECK(labels_of(data, row).sequence == std::vector<int64_t>{2, 1, 1, 1, 1, 1, 1, 3});
  }
  const auto codes = [&data](int64_t row) {
    std::string text;
    for (const Dataset::Code& code : data.codes_of(row)) text += fmt::format("{} {};", code.text, code.index);
    return text;
  };
  CHECK(codes(0) == "111 0;222 2;");
  CHECK(codes(1) == "111 0;224 -1;");
  CHECK(codes(2) == "1 1 -1;");
  CHECK(codes(3) == "111 0;222 2;333 3;224 -1;");
  CHECK_THAT(source.err, ContainsSubstring("0.csv: 3 of 5 rows have a code that the model does not have, or none") &&
                             ContainsSubstring("line 3, column b: the code '224' is none of the 12 known classes"));

  Source hisco(FormatterKind::kHisco);
  hisco.options.keep_unknown_codes = true;
  const Dataset classes =
      hisco.add_file("occ1,lang,code1,code2,code3,code4,code5\nx,en,3,,,,\ny,en,3,99999,,,\nz,en,,,,,\n").load();
  CHECK(classes.num_without_labels() == 2);
  CHECK(classes.codes_of(1)[0].text == "01110");
  CHECK(classes.codes_of(1)[1].text == "99999");
  CHECK(classes.codes_of(1)[1].index == -1);
  CHECK(classes.codes_of(2).empty());

  Source nothing;
  nothing.options.keep_unknown_codes = true;
  nothing.add_file("occ1,a,b,lang\nx,224,,en\n");
  CHECK_THROWS_MATCHES(nothing.load(), DataError,
                       MessageMatches(ContainsSubstring("no row has codes that the model knows; are they in a, b")));
}

TEST_CASE("Columns may have any name, and all rows one language", "[dataset]") {
  Source source;
  source.options.text_col = "job";
  source.options.language_col = "tongue";
  const Dataset data = source.add_file("job,a,b,tongue\nfarmer,111,,da\n").load();
  CHECK(data.text(0) == "farmer");
  CHECK(data.language(0) == "da");
  Source all;
  all.options.language = "sv";
  const Dataset same = all.add_file("occ1,a,b\nfarmer,111,\nbaker,111,\n").load();
  CHECK(same.language(1) == "sv");
}

TEST_CASE("Oddities are counted, unless somebody has told of them", "[dataset]") {
  const std::string rows = "occ1,a,b,lang\n\u200B,111,,en\nNA,111,,en\ngap,,222,en\n-,12,,en\nx,111,222,en\n";
  Source source;
  source.add_file(rows).load();
  CHECK_THAT(source.err, ContainsSubstring(": 2 of 5 rows have no description") &&
                             ContainsSubstring("1 row has a code behind an empty label column") &&
                             ContainsSubstring("1 row has no code in column a; the model learns to write none") &&
                             ContainsSubstring("column a: 1 code has fewer than 3 digits, 3 have 3") &&
                             ContainsSubstring("column occ1: 1 description has no letter"));
  Source quiet;
  quiet.options.tell_oddities = false;
  quiet.add_file(rows).load();
  CHECK(quiet.err.empty());
}

TEST_CASE("A block size that holds all codes is named, unless their form is the fault", "[dataset]") {
  Source longer;
  longer.add_file("occ1,a,b,lang\nx,12345,,en\n");
  CHECK_THROWS_MATCHES(longer.load(), DataError,
                       MessageMatches(ContainsSubstring("\n--block-size 5 holds all codes.")));
  Source decimals;
  decimals.add_file("occ1,a,b,lang\nx,111.0,,en\n");
  CHECK_THROWS_MATCHES(
      decimals.load(), DataError,
      MessageMatches(ContainsSubstring("\nIn column a: 1 code ends in '.0'") && !ContainsSubstring("--block-size")));
  Source mixed;
  mixed.add_file("occ1,a,b,lang\nx,2011-01-05,,en\nx,1234,,en\n");
  CHECK_THROWS_MATCHES(mixed.load(), DataError,
                       MessageMatches(ContainsSubstring("\nIn column a: 1 code is a date") &&
                                      ContainsSubstring("\n--block-size 4 holds all other codes.")));
}

TEST_CASE("Impossible data set options are refused", "[dataset]") {
  CHECK_THROWS_AS(Source().load(), UsageError);
  for (const auto& [text, language] : {std::pair("a", "lang"), std::pair("occ1", "b")}) {
    Source twice;
    twice.add_file("occ1,a,b,lang\nx,111,,en\n");
    twice.options.text_col = text;
    twice.options.language_col = language;
    CHECK_THROWS_AS(twice.load(), UsageError);
  }
  Source source;
  source.add_file("occ1,a,b,lang\nx,111,,en\n");
  source.options.system = nullptr;
  CHECK_THROWS_AS(source.load(), InternalError);
}

TEST_CASE("Words for insertion are the distinct words of all texts", "[dataset]") {
  Source source;
  const Dataset data = source.add_file("occ1,a,b,lang\nfarm  labourer,111,,en\nfarm hand,111,,en\n,111,,en\n").load();
  const std::shared_ptr<const WordSource> words = data.word_source();
  std::map<std::string, int> drawn;
  Philox random(1, 0, 0);
  for (int i = 0; i < 3000; ++i) ++drawn[words->draw(random)];
  REQUIRE(drawn.size() == 3);
  for (const auto& [word, count] : drawn) {
    CAPTURE(word);
    CHECK((count > 900 && count < 1100));
  }
  CHECK(Source().add_file("occ1,a,b,lang\n ,111,,en\n").load().word_source()->empty());
}

TEST_CASE("The fingerprint tells any change of rows", "[dataset]") {
  const auto fingerprint = [](const std::string& rows) {
    return Source().add_file("occ1,a,b,lang\n" + rows).load().fingerprint();
  };
  const std::string rows = "ab,111,,c\nd,222,333,c\n";
  CHECK(fingerprint(rows) == fingerprint(rows));
  CHECK(fingerprint(rows).size() == 64);
  const std::set<std::string> all = {
      fingerprint(rows),
      fingerprint("d,222,333,c\nab,111,,c\n"),
      fingerprint("a,111,,bc\nd,222,333,c\n"),
      fingerprint("ab,111,,c\nd,333,222,c\n"),
      fingerprint("ab,111,?,c\nd,222,333,c\n"),
      fingerprint("ab,111,,c\n"),
      fingerprint("ab,111,,c\nd,222,333,x\n"),
      fingerprint("ab,111,,c\ne,222,333,c\n"),
  };
  CHECK(all.size() == 8);
  Source parts;
  parts.add_file("occ1,a,b,lang\nab,111,,c\n").add_file("occ1,a,b,lang\nd,222,333,c\n");
  CHECK(parts.load().fingerprint() == fingerprint(rows));
}

}  // namespace
}  // namespace canine
