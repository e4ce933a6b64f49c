#include "canine/app/evaluate.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <sstream>

#include "app/captured.hpp"
#include "app/files.hpp"
#include "test_paths.hpp"

namespace canine {
namespace {

using Catch::Matchers::StartsWith;

struct Evaluate {
  EvaluateOptions values;
  OptionSet options = evaluate_option_set();

  Evaluate() { declare_evaluate_options(options, values); }
  void check(const std::vector<std::string>& arguments) {
    options.parse(arguments);
    check_evaluate_options(values);
  }
};

TEST_CASE("evaluate --help is the stored text") {
  // After a wanted change: build/bin/evaluate --help > tests/app/help/evaluate.txt
  const std::string help = Evaluate().options.help_text() + "\n";
  CHECK(help == read_file(std::filesystem::path(CANINE_SOURCE) / "tests/app/help/evaluate.txt"));
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) {
    CAPTURE(line);
    CHECK(line.size() <= 100);
  }
}

TEST_CASE("evaluate's defaults are the Python program's") {
  const Folder folder;
  const std::string rows = folder.write("rows.csv", "");
  Evaluate program;
  captured(2, [&] { program.check({"--val-data", rows, "--checkpoint", "runs/first"}); });
  CHECK(program.values.batch_size == 2048);
  CHECK(program.values.top_k == 5);
  CHECK(program.values.num_workers == 0);
  CHECK(program.values.files == std::vector<std::filesystem::path>{rows});
  CHECK(program.values.model.model == "runs/first");
  CHECK_FALSE(program.values.model.overrides.max_len);  // as the model was trained
}

TEST_CASE("the Python program's evaluation commands are understood") {
  const Folder folder;
  const std::string rows = folder.write("a.csv", ""), key = folder.write("key.csv", "system_code,code\n1,0\n");
  folder.write("b.csv", "");
  Evaluate program;
  const std::string model = folder.write("trained.bin", "");
  program.check({"--val-data",
                 rows,
                 (folder.path() / "b*.csv").string(),
                 "--mapping",
                 key,
                 "--checkpoint",
                 model,
                 "--target-cols",
                 "hisco_1",
                 "hisco_2",
                 "--block-size",
                 "5",
                 "--use-within-block-sep",
                 "--batch-size",
                 "16",
                 "--max-len",
                 "64",
                 "--num-workers",
                 "2",
                 "--pin-memory",
                 "--fn-out",
                 "eval.csv"});
  const ModelOverrides& overrides = program.values.model.overrides;
  CHECK(program.values.files.size() == 2);
  CHECK(overrides.mapping == key);
  CHECK(overrides.target_cols == std::vector<std::string>{"hisco_1", "hisco_2"});
  CHECK(overrides.block_size == 5);
  CHECK(overrides.use_within_block_sep == true);
  CHECK(overrides.max_len == 64);
  Evaluate built_in;
  built_in.check({"--val-data", rows, "--checkpoint", model, "--formatter", "occ1950", "--target-col-naming", "occ1950",
                  "--fn-out", "eval.csv"});
  CHECK(built_in.values.model.overrides.formatter == FormatterKind::kOcc1950);
  CHECK(built_in.values.target_col_naming == FormatterKind::kOcc1950);
}

TEST_CASE("what an evaluation cannot do without") {
  const Folder folder;
  const std::string rows = folder.write("rows.csv", "");
  const auto error_of = [](const std::vector<std::string>& arguments) {
    return usage_error([&] { Evaluate().check(arguments); });
  };
  CHECK_THAT(error_of({"--checkpoint", "x"}), StartsWith("--val-data is missing: "));
  CHECK_THAT(error_of({"--val-data", rows}), StartsWith("--checkpoint is missing: "));
  CHECK_THAT(error_of({"--val-data", "absent.csv", "--checkpoint", "a/x", "--fn-out", "y"}),
             StartsWith("--val-data absent.csv"));
  CHECK_THAT(error_of({"--val-data", rows, "--checkpoint", "a/x", "--summary", "s.xlsx"}),
             StartsWith("--summary s.xlsx"));
  CHECK_THAT(error_of({"--val-data", rows, "--checkpoint", "a/x", "--formatter", "isco"}), StartsWith("--formatter"));
  CHECK_THAT(error_of({"--val-data", rows, "--checkpoint", "a/x.bin"}),
             StartsWith("--checkpoint a/x.bin: there is no such file or folder"));
}

TEST_CASE("an evaluation writes over nothing that it reads") {
  const Folder folder;
  const std::string rows = folder.write("rows.json", ""), model = folder.write("model.csv", "");
  const auto error_of = [&](const std::vector<std::string>& outputs) {
    std::vector<std::string> arguments = {"--val-data", rows, "--checkpoint", model};
    arguments.insert(arguments.end(), outputs.begin(), outputs.end());
    return usage_error([&] { Evaluate().check(arguments); });
  };
  CHECK(error_of({"--fn-out", rows}) == "--fn-out " + rows + ": this is the input of --val-data; give another file");
  CHECK_THAT(error_of({"--summary", rows}), StartsWith("--summary " + rows + ": this is the input of --val-data"));
  CHECK_THAT(error_of({"--fn-out", model}), StartsWith("--fn-out " + model + ": this is the input of --checkpoint"));
  CHECK_THAT(error_of({"--fn-out", "e.csv", "--summary", "./e.csv"}), StartsWith("--summary ./e.csv: --fn-out writes"));
  CHECK(error_of({"--fn-out", "e.csv", "--summary", "e.json"}) == "");
}

}  // namespace
}  // namespace canine
