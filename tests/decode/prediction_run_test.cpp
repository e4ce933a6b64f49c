#include "canine/decode/prediction_run.hpp"
// LibTorch's CHECK must not win.
#undef CHECK

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/table/table.hpp"
#include "decode/trained_model.hpp"
#include "support/temporary_folder.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;
using testing::TemporaryFolder;

const c10::Device kCpu(c10::DeviceType::CPU);

/// 400 rows of 120 texts in an order without a pattern, with an empty one now and then.
std::string many_rows() {
  static const char* kTexts[] = {"farmer", "coal merchant", "veterinary surgeon of the parish",
                                 "bricklayer (deceased)"};
  std::string csv = "id,text\n";
  for (int i = 0; i < 400; ++i) {
    const int which = (i * i + 7 * i) % 120;
    csv += std::to_string(i) + "," + (i % 37 == 5 ? "" : kTexts[which % 4] + std::to_string(which / 4)) + "\n";
  }
  return csv;
}

class Runs {
 public:
  explicit Runs(const std::string& csv) {
    write_file(folder_ / "in.csv", csv);
    task_.input = folder_ / "in.csv";
    task_.text_col = "text";
    task_.cleaning = TextCleaning::published();
    task_.language = "en";
    task_.output = folder_ / "out.csv";
    task_.settings = {{"test", "1"}};
    task_.checkpoint_interval = 0;
    task_.batches.batch_size = 16;
    task_.columns.name = "code";
    task_.columns.max_codes = 2;
    task_.columns.kept = {"id"};
  }

  PredictionSummary run(int predictors = 1, const PredictionWatch& watch = {}) {
    const PredictorOptions options{.mode = task_.batches.mode};
    PredictorPool pool(
        make_predictors(model_, options, std::vector<c10::Device>(static_cast<size_t>(predictors), kCpu)), 1);
    return predict_table(task_, pool, watch);
  }

  void set_mode(DecodeMode mode) {
    task_.batches.mode = task_.columns.mode = mode;
    task_.columns.max_codes = mode == DecodeMode::kGreedy ? 2 : 5;
  }

  std::string output() const { return read_file(task_.output); }
  PredictionTask& task() { return task_; }

 private:
  TemporaryFolder folder_;
  LoadedModel model_ = test::trained_model();
  PredictionTask task_;
};

TEST_CASE("Every row is predicted, in the order of the input") {
  Runs runs("id,text\n1,Farmer & Fisherman\n2,\n3,soldier (reserve)\n4,nan\n5,FARMER & fisherman\n6,\"  \"\n");
  const PredictionSummary summary = runs.run();
  CHECK(summary.rows == 6);
  CHECK(summary.empty_rows == 3);
  CHECK(summary.texts == 2);
  CHECK(summary.most_codes == 2);
  ReadOptions read;
  const Table table = read_table(runs.task().output, read);
  CHECK(table.names == std::vector<std::string>{"id", "occ1", "code_1", "code_2", "conf"});
  const auto row = [&](int64_t i) {
    std::vector<std::string> cells;
    for (size_t column = 0; column + 1 < table.columns.size(); ++column) {
      cells.emplace_back(table.columns[column].text(i));
    }
    return cells;
  };
  using Cells = std::vector<std::string>;
  CHECK(row(0) == Cells{"1", "en[SEP]farmer & fisherman", "61110", "64100"});
  CHECK(row(1) == Cells{"2", "", "", ""});
  CHECK(row(2) == Cells{"3", "en[SEP]soldier (reserve)", "51050", ""});
  CHECK(row(3) == Cells{"4", "", "", ""});
  CHECK(row(4) == Cells{"5", "en[SEP]farmer & fisherman", "61110", "64100"});
  CHECK(row(5) == Cells{"6", "", "", ""});
}

TEST_CASE("Texts stand in the output as in the input where that is wanted, also after a stop") {
  const std::string csv =
      "text,id\n['farmer'],1\nNA,2\n\" \",3\n Farmer ,4\n\"a, \"\"b\"\"\nc\",5\nProprie\xCC\x81taire,6\n";
  for (const bool kept : {false, true}) {
    CAPTURE(kept);
    Runs runs(csv);
    PredictionTask& task = runs.task();
    task.cleaning = {};
    task.columns.text_col = "text";
    task.columns.text_as_it_stood = true;
    task.columns.kept = {kept ? "text" : "id"};
    task.batches.batch_size = 1;
    task.resume = true;
    bool written = false;
    const PredictionSummary first = runs.run(
        1, {.should_stop = [&] { return written; }, .progress = [&](const PredictionProgress&) { written = true; }});
    CHECK(first.stopped);
    const PredictionSummary summary = runs.run();
    CHECK(summary.rows_before > 0);
    CHECK(summary.empty_rows == 2);
    ReadOptions read;
    read.raw_columns = {"text"};
    const Table table = read_table(task.output, read);
    CHECK(table.names.at(kept ? 0 : 1) == "text");
    std::vector<std::string> texts;
    for (int64_t row = 0; row < table.num_rows; ++row) texts.emplace_back(table.column("text").text(row));
    CHECK(texts ==
          std::vector<std::string>{"['farmer']", "NA", " ", " Farmer ", "a, \"b\"\nc", "Proprie\xCC\x81taire"});
  }
}

TEST_CASE("Texts are coded as they are cleaned, and languages as they are meant") {
  Runs runs("id,text,lang\n1,['Farmer & Fisherman'],EN\n2,farmer & fisherman,en\n3,farmer & fisherman,de\n");
  PredictionTask& task = runs.task();
  task.cleaning = *TextCleaning::from_words(std::vector<std::string>{"quotes", "lower"});
  task.language_col = "lang";
  task.known_languages = KnownLanguages::published();
  const PredictionSummary summary = runs.run();
  CHECK(summary.texts == 2);
  const Table table = read_table(task.output, {});
  CHECK(table.column("occ1").text(0) == "en[SEP]farmer & fisherman");
  CHECK(table.column("occ1").text(2) == "de[SEP]farmer & fisherman");
  CHECK(table.column("code_1").text(0) == table.column("code_1").text(1));
  REQUIRE(summary.language_note);
  CHECK(summary.language_note->starts_with("--language-col lang: 1 of 3 rows has a language that the model has not"));
}

TEST_CASE("Texts that are cut are counted row by row") {
  Runs runs("id,text\n1,farmer\n2,veterinary surgeon of the parish\n3,veterinary surgeon of the parish\n");
  runs.task().batches.max_len = 30;
  const PredictionSummary summary = runs.run();
  CHECK(summary.cut_texts.rows == 3);
  CHECK(summary.cut_texts.cut == 2);
  CHECK(summary.cut_texts.longest == 41);  // "en[SEP]", the text, two marks
}

TEST_CASE("Several predictors write what one writes") {
  for (const DecodeMode mode : {DecodeMode::kGreedy, DecodeMode::kFlat, DecodeMode::kFull}) {
    Runs one(many_rows());
    Runs three(many_rows());
    one.set_mode(mode);
    three.set_mode(mode);
    one.run();
    three.run(3);
    CHECK(one.output() == three.output());
  }
}

TEST_CASE("A run that was stopped goes on to the same bytes") {
  for (const DecodeMode mode : {DecodeMode::kGreedy, DecodeMode::kFlat, DecodeMode::kFull}) {
    for (const size_t cache_bytes : {size_t{1} << 20, size_t{8000}}) {
      Runs whole(many_rows());
      Runs parts(many_rows());
      for (Runs* runs : {&whole, &parts}) {
        runs->set_mode(mode);
        runs->task().cache_bytes = cache_bytes;
        runs->task().batches.batch_size = 2;
      }
      whole.run();
      parts.task().resume = true;
      int64_t before = 0;
      int starts = 0;
      while (true) {
        bool written = false;  // each run gets a chunk further
        const PredictionSummary summary = parts.run(
            1,
            {.should_stop = [&] { return written; }, .progress = [&](const PredictionProgress&) { written = true; }});
        REQUIRE(++starts < 100);
        CHECK(summary.rows_before == before);
        before = summary.rows;
        if (!summary.stopped) break;
        CHECK_FALSE(fs::exists(parts.task().output));
      }
      CHECK(starts > 1);
      CHECK(before == 400);
      CHECK(parts.output() == whole.output());
    }
  }
}

TEST_CASE("A stop waits for batches at work only, whatever the mode") {
  for (const DecodeMode mode : {DecodeMode::kGreedy, DecodeMode::kFlat, DecodeMode::kFull}) {
    Runs whole(many_rows());
    Runs parts(many_rows());
    for (Runs* runs : {&whole, &parts}) {
      runs->set_mode(mode);
      runs->task().batches.padding = Padding::kMask;  // batches are made in chunks
      runs->task().batches.batch_size = 2;
    }
    whole.run();
    parts.task().resume = true;
    int asked = 0;  // by the third time two batches are in the queue at most
    const PredictionSummary stopped = parts.run(1, {.should_stop = [&] { return ++asked > 2; }, .progress = {}});
    REQUIRE(stopped.stopped);
    CHECK(stopped.texts <= 2 * parts.task().batches.batch_size);
    CHECK_FALSE(parts.run().stopped);
    CHECK(parts.output() == whole.output());
  }
}

TEST_CASE("Slow modes keep rows after fewer batches") {
  TextBatchOptions options{.padding = Padding::kMask, .batch_size = 10};
  const auto texts_at_once = [&](DecodeMode mode) {
    options.mode = mode;
    return options.texts_at_once();
  };
  CHECK(texts_at_once(DecodeMode::kFlat) == 80);
  CHECK(texts_at_once(DecodeMode::kGreedy) == 20);
  CHECK(texts_at_once(DecodeMode::kFull) == 10);
  options.padding = Padding::kReference;
  CHECK(texts_at_once(DecodeMode::kGreedy) == 10);  // nothing is saved by narrow batches
}

TEST_CASE("Identical texts are coded once, as long as the cache holds them") {
  Runs runs(many_rows());
  const int64_t all = runs.run().texts;
  CHECK(all < 120);
  Runs forgetful(many_rows());
  forgetful.task().cache_bytes = 3000;
  CHECK(forgetful.run().texts > all);
}

TEST_CASE("Rows of another input are not gone on with") {
  Runs runs(many_rows());
  runs.task().resume = true;
  bool written = false;
  REQUIRE(runs.run(1, {.should_stop = [&] { return written; },
                       .progress = [&](const PredictionProgress&) { written = true; }})
              .stopped);
  std::string other = many_rows();
  other.replace(other.find("farmer"), 6, "tailor");
  write_file(runs.task().input, other);
  CHECK_THROWS_AS(runs.run(), DataError);
}

/// A run that stops behind its first rows.
int64_t run_a_part(Runs& runs) {
  runs.task().resume = true;
  runs.task().batches.batch_size = 2;
  bool written = false;
  const PredictionSummary summary = runs.run(
      1, {.should_stop = [&] { return written; }, .progress = [&](const PredictionProgress&) { written = true; }});
  REQUIRE(summary.stopped);
  return summary.rows;
}

TEST_CASE("Whatever the output shows of a coded row must be the same") {
  for (const auto& [from, to] : {std::pair("0,farmer0", "9,farmer0"), std::pair("farmer0", "former0")}) {
    Runs runs(many_rows());
    run_a_part(runs);
    std::string other = many_rows();
    other.replace(other.find(from), std::string_view(from).size(), to);
    write_file(runs.task().input, other);
    CHECK_THROWS_AS(runs.run(), DataError);
  }
}

TEST_CASE("Behind the coded rows the input may be another") {
  const std::string rows = many_rows();
  Runs runs(rows);
  const int64_t done = run_a_part(runs);
  size_t end = rows.find('\n') + 1;  // of the rows done
  for (int64_t row = 0; row < done; ++row) end = rows.find('\n', end) + 1;
  const std::string others = rows.substr(0, end) + "x,quite another\ny,and more\n";
  runs.task().input = runs.task().input.parent_path() / "renamed.csv";
  write_file(runs.task().input, others);
  const PredictionSummary summary = runs.run();
  CHECK_FALSE(summary.stopped);
  CHECK(summary.rows_before == done);
  CHECK(summary.rows == done + 2);
  CHECK(runs.output().find("\nx,en[SEP]quite another,") != std::string::npos);
}

TEST_CASE("An input that is shorter than what was coded is refused") {
  Runs runs(many_rows());
  run_a_part(runs);
  write_file(runs.task().input, "id,text\n0,farmer0\n");
  CHECK_THROWS_AS(runs.run(), DataError);
}

TEST_CASE("A table without rows gives one without rows") {
  Runs runs("id,text\n");
  CHECK(runs.run().rows == 0);
  CHECK(runs.output() == "id,occ1,code_1,conf\n");
}

TEST_CASE("Very long descriptions are cut, and languages come from a column") {
  Runs runs("id,text,lang\n1," + std::string(100000, 'x') + ",da\n2,farmer,\n");
  runs.task().language_col = "lang";
  CHECK(runs.run().rows == 2);
  const Table table = read_table(runs.task().output, {});
  CHECK(table.column("occ1").text(0).starts_with("da[SEP]xxx"));
  CHECK(table.column("occ1").text(1) == "unk[SEP]farmer");
}

}  // namespace
}  // namespace canine
