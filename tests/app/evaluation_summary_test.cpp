#include "canine/app/evaluation_summary.hpp"

#include <fmt/format.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <nlohmann/json.hpp>

#include "app/captured.hpp"

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;

/// Classes 3 and 4 of HISCO (01110, 01120) in two languages; the flat head looks at two classes.
EvaluationSummary example() {
  CodeSystem::Options options;
  options.formatter.kind = FormatterKind::kHisco;
  const std::vector<int64_t> a = {3}, b = {4}, both = {4, 3}, none;
  CodeMetrics danish(2), english(2);
  danish.add({.labels = a, .predicted = a, .likeliest = both});
  english.add({.labels = a, .predicted = b, .likeliest = both});
  english.add({.labels = b, .predicted = none, .likeliest = both});
  EvaluationSummary summary(std::make_shared<const CodeSystem>(options), {{"da", danish}, {"en", english}}, 2);
  summary.teacher_forced = {
      .loss_linear = 0.25, .loss_seq2seq = 1.5, .seq_acc = 50, .token_acc = 75, .flat_acc = 0.125, .rows = 3};
  summary.teacher_forced_by_language["da"].add(std::vector<int64_t>{1, 8, 0}, 8);
  summary.teacher_forced_by_language["en"].add(std::vector<int64_t>{0, 2, 1}, 8);
  summary.teacher_forced_by_language["en"].add(std::vector<int64_t>{0, 4, 0}, 8);
  summary.model = "model.bin";
  summary.files = {"rows.csv"};
  return summary;
}

TEST_CASE("the summary on the console") {
  CHECK(summary_text(example()) ==
        "Decoding\n"
        "  %         rows  exact match  precision  recall      F1  macro precision  macro recall "
        " macro F1  flat top 1  flat top 2\n"
        "  all rows     3        33.33      50.00   33.33   40.00            50.00         25.00  "
        "   33.33       33.33      100.00\n"
        "  en           2         0.00       0.00    0.00    0.00             0.00          0.00  "
        "    0.00       50.00      100.00\n"
        "  da           1       100.00     100.00  100.00  100.00           100.00        100.00  "
        "  100.00        0.00      100.00\n"
        "\n"
        "Codes with most errors\n"
        "  code   rows  predicted  right  precision %  recall %   F1 %\n"
        "  01120     1          1      0         0.00      0.00   0.00\n"
        "  01110     2          1      1       100.00     50.00  66.67\n"
        "\n"
        "Teacher-forced, as in logs.csv\n"
        "  %         sequence accuracy  token accuracy  flat accuracy\n"
        "  all rows              50.00           75.00          12.50\n"
        "  en                     0.00           37.50          50.00\n"
        "  da                   100.00          100.00           0.00\n"
        "  loss of the decoder 1.500000, of the flat head 0.250000");
}

TEST_CASE("rows whose codes the model lacks are named where they do not count") {
  EvaluationSummary summary = example();
  CHECK_THAT(summary_text(summary), !ContainsSubstring("lacks"));
  summary.unknown_rows = 1;
  CHECK_THAT(summary_text(summary), ContainsSubstring("  1 row is not counted here: the model lacks codes of it"));
  summary.unknown_rows = 2;
  CHECK_THAT(summary_text(summary), ContainsSubstring("  2 rows are not counted here: the model lacks codes of them"));
  CHECK(nlohmann::json::parse(summary_json(summary))["rows_with_unknown_codes"] == 2);
}

TEST_CASE("the console says what it leaves out") {
  CodeSystem::Options options;
  options.formatter.kind = FormatterKind::kHisco;
  const auto codes = std::make_shared<const CodeSystem>(options);
  const auto text = [&](int64_t wrong_codes, int64_t num_languages) {
    std::map<std::string, CodeMetrics> languages;
    for (int64_t i = 0; i < num_languages; ++i) languages.emplace(fmt::format("l{}", i), CodeMetrics(1));
    const std::vector<int64_t> right = {1000}, none;
    languages.at("l0").add({.labels = right, .predicted = right, .likeliest = right});
    for (int64_t i = 0; i < wrong_codes; ++i) {
      const std::vector<int64_t> missed = {i};
      languages.at("l0").add({.labels = missed, .predicted = none, .likeliest = right});
    }
    EvaluationSummary summary(codes, languages, 1);
    for (const auto& [name, metrics] : languages) summary.teacher_forced_by_language[name];
    return summary_text(summary);
  };
  CHECK_THAT(text(10, 20), !ContainsSubstring("more"));
  CHECK_THAT(text(12, 20), ContainsSubstring("  ... and 2 more codes with errors; the file of --summary has all\n"));
  CHECK_THAT(text(1, 23), ContainsSubstring("  ... and 3 more languages; the file of --summary has all\n"));
}

TEST_CASE("the summary as CSV") {
  CHECK(summary_csv(example()) ==
        "scope,name,rows,labels,predicted,right,precision,recall,f1,exact_match,macro_precision,macro_recall,macro_f1,"
        "flat_top_1,flat_top_2,flat_recall,sequence_accuracy,token_accuracy,flat_accuracy,loss_seq2seq,loss_linear,"
        "teacher_forced_rows\n"
        "overall,,3,3,2,1,0.5,0.3333333333333333,0.4,0.3333333333333333,0.5,0.25,0.3333333333333333,0.3333333333333333,"
        "1.0,,0.5,0.75,0.125,1.5,0.25,3\n"
        "language,en,2,2,1,0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.5,1.0,,0.0,0.375,0.5,,,2\n"
        "language,da,1,1,1,1,1.0,1.0,1.0,1.0,1.0,1.0,1.0,0.0,1.0,,1.0,1.0,0.0,,,1\n"
        "code,01110,,2,1,1,1.0,0.5,0.6666666666666666,,,,,,,1.0,,,,,,\n"
        "code,01120,,1,1,0,0.0,0.0,0.0,,,,,,,1.0,,,,,,\n");
}

TEST_CASE("the summary as JSON") {
  const auto json = nlohmann::ordered_json::parse(summary_json(example()));
  CHECK(json["model"] == "model.bin");
  CHECK(json["step"].is_null());
  CHECK(json["overall"]["rows"] == 3);
  CHECK(json["overall"]["micro"]["precision"] == 0.5);
  CHECK(json["overall"]["flat_top_k"][1] == 1);
  CHECK(json["teacher_forced"]["sequence_accuracy"] == 0.5);
  CHECK(json["languages"].begin().key() == "en");
  CHECK(json["languages"]["en"]["teacher_forced"]["token_accuracy"] == 0.375);
  CHECK(json["languages"]["en"]["teacher_forced"]["rows"] == 2);
  CHECK(json["teacher_forced"]["rows"] == 3);
  CHECK_FALSE(json["languages"]["en"]["teacher_forced"].contains("loss_linear"));
  CHECK(json["codes"]["01110"]["right"] == 1);
}

TEST_CASE("names of summary files") {
  CHECK_NOTHROW(check_summary_name("a/b.json"));
  CHECK_NOTHROW(check_summary_name("b.csv"));
  CHECK_THAT(usage_error([] { check_summary_name("b.txt"); }), ContainsSubstring(".json or .csv"));
}

TEST_CASE("an evaluation of no rows has a summary too") {
  CodeSystem::Options options;
  options.formatter.kind = FormatterKind::kOcc1950;
  const EvaluationSummary summary(std::make_shared<const CodeSystem>(options), {}, 1);
  CHECK_THAT(summary_text(summary), ContainsSubstring("all rows"));
  CHECK(nlohmann::json::parse(summary_json(summary))["overall"]["rows"] == 0);
}

}  // namespace
}  // namespace canine
