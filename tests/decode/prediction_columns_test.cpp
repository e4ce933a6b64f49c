#include "canine/decode/prediction_columns.hpp"
// LibTorch's CHECK must not win.
#undef CHECK

#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <string>
#include <vector>

#include "canine/core/errors.hpp"
#include "support/temporary_folder.hpp"

namespace canine {
namespace {

using testing::TemporaryFolder;

std::vector<std::string> names(const PredictionColumns& columns) {
  std::vector<std::string> result;
  for (const OutputColumn& column : columns.columns()) result.push_back(column.name);
  return result;
}

CodedText coded(Prediction prediction) { return {"en[SEP]farmer", 7, std::move(prediction)}; }

const auto kDescriptions = std::make_shared<const CodeDescriptions>(CodeDescriptions{{"61110", "Farmer"}});

TEST_CASE("Columns of greedy predictions are those of the Python program") {
  const PredictionColumns columns({.name = "hisco", .max_codes = 2, .descriptions = kDescriptions});
  CHECK(names(columns) == std::vector<std::string>{"occ1", "hisco_1", "desc_1", "hisco_2", "desc_2", "conf"});
  const CodedText text = coded({.codes = {"61110", "-1"}, .confidence = 0.25f});
  const std::vector<OutputCell> cells = columns.cells({}, text.text, &text);
  CHECK((cells == std::vector<OutputCell>{"en[SEP]farmer", "61110", "Farmer", "-1", "Unknown code", 0.25f}));
}

TEST_CASE("Columns of flat and full predictions") {
  const PredictionColumns columns({.mode = DecodeMode::kFlat, .name = "code", .max_codes = 2, .kept = {"id"}});
  CHECK(names(columns) == std::vector<std::string>{"id", "occ1", "code_1", "prob_1", "code_2", "prob_2"});
  const CodedText text = coded({.codes = {"61110"}, .probabilities = {0.5f}});
  const std::vector<std::string> kept = {"7"};
  const OutputCell none;
  CHECK((columns.cells(kept, text.text, &text) ==
         std::vector<OutputCell>{"7", "en[SEP]farmer", "61110", 0.5f, none, none}));
  CHECK((columns.cells(kept, "", nullptr) == std::vector<OutputCell>{"7", none, none, none, none, none}));
}

TEST_CASE("A text that stands as in the input has its column there too") {
  PredictionColumns::Options options{
      .name = "code", .max_codes = 1, .kept = {"id"}, .text_col = "occupation", .text_as_it_stood = true};
  const CodedText text = coded({.codes = {"61110"}, .confidence = 0.5f});
  const OutputCell none;
  {
    const PredictionColumns columns(options);
    CHECK(names(columns) == std::vector<std::string>{"id", "occupation", "code_1", "conf"});
    const std::vector<std::string> kept = {"7"};
    CHECK((columns.cells(kept, "['Farmer']", &text) == std::vector<OutputCell>{"7", "['Farmer']", "61110", 0.5f}));
    CHECK((columns.cells(kept, "NA", nullptr) == std::vector<OutputCell>{"7", "NA", none, none}));
  }
  options.kept = {"occupation", "id"};  // it is there already
  const PredictionColumns columns(options);
  CHECK(names(columns) == std::vector<std::string>{"occupation", "id", "code_1", "conf"});
  const std::vector<std::string> kept = {"Farmer", "7"};
  CHECK((columns.cells(kept, "Farmer", &text) == std::vector<OutputCell>{"Farmer", "7", "61110", 0.5f}));
  CHECK(columns.unused(1).empty());
}

TEST_CASE("Where codes have the name of the text's column it is called occ1") {
  for (const char* name : {"conf", "code_1"}) {
    const PredictionColumns columns({.name = "code", .max_codes = 1, .text_col = name, .text_as_it_stood = true});
    CHECK(names(columns) == std::vector<std::string>{"occ1", "code_1", "conf"});
  }
  CHECK_THROWS_AS(PredictionColumns({.max_codes = 1, .kept = {"occ1"}, .text_col = "conf", .text_as_it_stood = true}),
                  UsageError);
}

TEST_CASE("Places that no row needs") {
  const PredictionColumns columns({.name = "hisco", .max_codes = 3, .kept = {"id"}, .descriptions = kDescriptions});
  CHECK(columns.unused(3).empty());
  CHECK(columns.unused(2) == std::vector<std::string>{"hisco_3", "desc_3"});
  CHECK(columns.unused(0) == std::vector<std::string>{"hisco_2", "desc_2", "hisco_3", "desc_3"});
}

TEST_CASE("Two columns of one name are refused") {
  CHECK_THROWS_AS(PredictionColumns({.kept = {"hisco_2"}}), UsageError);
  CHECK_THROWS_AS(PredictionColumns({.kept = {"occ1"}}), UsageError);
  CHECK_THROWS_AS(PredictionColumns({.kept = {"id", "id"}}), UsageError);
}

TEST_CASE("Written predictions come back exactly") {
  const TemporaryFolder folder;
  const std::vector<std::string> kept = {"NA"};
  for (const DecodeMode mode : {DecodeMode::kGreedy, DecodeMode::kFlat}) {
    const PredictionColumns columns({.mode = mode, .max_codes = 3, .kept = {"id"}, .descriptions = kDescriptions});
    Prediction prediction{.codes = {"61110", "NA"}};
    if (mode == DecodeMode::kGreedy) prediction.confidence = 1e-7f / 3;
    if (mode == DecodeMode::kFlat) prediction.probabilities = {1.0f / 3, 1e-30f};
    const CodedText text = coded(prediction);
    const std::filesystem::path path = folder.path() / "rows.csv";
    TableWriter writer({.path = path, .columns = columns.columns(), .settings = {}, .resume = false});
    writer.row(columns.cells(kept, text.text, &text));
    writer.row(columns.cells(kept, "", nullptr));
    writer.finish();
    ReadOptions read;
    for (const OutputColumn& column : columns.columns()) read.raw_columns.push_back(column.name);
    const Table table = read_table(path, read);
    const Prediction again = columns.prediction(table, 0);
    CHECK(columns.text(table, 0) == text.text);
    CHECK(again.codes == prediction.codes);
    CHECK(again.probabilities == prediction.probabilities);
    CHECK(again.confidence == prediction.confidence);
    CHECK(columns.text(table, 1).empty());
    CHECK(columns.prediction(table, 1).codes.empty());
  }
}

}  // namespace
}  // namespace canine
