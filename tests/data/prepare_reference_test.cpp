// Preparation against files that the Python program made.

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <sstream>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/core/sha256.hpp"
#include "canine/data/prepare.hpp"
#include "support.hpp"
#include "test_paths.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

constexpr std::array kFiles = {"data_train.csv", "data_val.csv", "key.csv"};

/// Options of a command line of the Python program.
PrepareOptions parse(const std::string& command) {
  PrepareOptions options;
  std::istringstream words(command);
  std::string word;
  std::string flag;
  while (words >> word) {
    if (word.starts_with("--")) {
      flag = word;
      if (flag == "--drop-bad-labels") options.drop_bad_labels = true;
      if (flag == "--use-within-block-sep") options.use_within_block_sep = true;
      if (flag == "--allow-codes-shorter-than-block-size") options.allow_codes_shorter_than_block_size = true;
      continue;
    }
    if (flag == "--dataset") options.dataset = word;
    if (flag == "--input-col") options.input_col = word;
    if (flag == "--target-cols") options.target_cols.push_back(word);
    if (flag == "--language") options.language = word;
    if (flag == "--language-col") options.language_col = word;
    if (flag == "--block-size") options.block_size = std::stoll(word);
    if (flag == "--share-val") options.share_val = std::stod(word);
  }
  return options;
}

fs::path cases() { return fs::path(CANINE_FIXTURES) / "tiny_a" / "prepared"; }

PrepareOptions options_of_case(const std::string& name) {
  PrepareOptions options = parse(read_file(cases() / name / "command.txt"));
  const fs::path dataset = options.dataset;
  options.dataset = cases() / dataset;
  if (!fs::exists(options.dataset)) options.dataset = fs::path(CANINE_SHARED) / "data" / dataset;
  return options;
}

PreparedData prepare_quietly(const PrepareOptions& options, const fs::path& folder, std::string* out = nullptr) {
  const testing::Captured captured_out(STDOUT_FILENO);
  const testing::Captured captured_err(STDERR_FILENO);
  const PreparedData prepared = prepare(options, folder);
  if (out) *out = captured_out.text();
  return prepared;
}

void check_equal_files(const fs::path& made, const fs::path& expected) {
  for (const char* file : kFiles) {
    CAPTURE(file);
    CHECK(read_file(made / file) == read_file(expected / file));
  }
}

TEST_CASE("Prepared files equal those of the Python program", "[prepare]") {
  const std::string name = GENERATE("gpf5", "sep8", "one", "order", "blank");
  CAPTURE(name);
  REQUIRE(read_file(cases() / name / "exit.txt") == "0\n");
  const testing::TemporaryFolder folder;
  prepare_quietly(options_of_case(name), folder.path());
  check_equal_files(folder.path(), cases() / name);
}

TEST_CASE("The fixture's own training data is prepared equally", "[prepare]") {
  PrepareOptions options;
  options.dataset = CANINE_FIXTURES "/tiny_a/source.csv";
  options.target_cols = {"hisco_1", "hisco_2"};
  options.language_col = "lang";
  options.share_val = 0.2;
  options.allow_codes_shorter_than_block_size = true;
  const testing::TemporaryFolder folder;
  prepare_quietly(options, folder.path());
  check_equal_files(folder.path(), CANINE_FIXTURES "/tiny_a/data");
}

TEST_CASE("A complete run's data is prepared equally", "[prepare]") {
  const fs::path run = CANINE_FIXTURES "/tiny_a/run";
  PrepareOptions options = parse(read_file(run / "command.txt"));
  options.dataset = run / options.dataset;
  const testing::TemporaryFolder folder;
  const PreparedData prepared = prepare_quietly(options, folder.path());
  check_equal_files(folder.path(), run);
  CHECK(prepared.num_train == 360);
  CHECK(prepared.num_val == 40);
  CHECK(prepared.key.size() == 114);
}

TEST_CASE("Where the Python program fails there is an error of the right class", "[prepare]") {
  struct Case {
    const char* name;
    ExitCode exit_code;
  };
  const Case expected = GENERATE(Case{"err_bad", ExitCode::kBadData}, Case{"err_column", ExitCode::kUsage},
                                 Case{"err_input", ExitCode::kUsage}, Case{"err_language", ExitCode::kUsage},
                                 Case{"err_short", ExitCode::kBadData});
  CAPTURE(expected.name);
  REQUIRE(read_file(cases() / expected.name / "exit.txt") == "1\n");
  const PrepareOptions options = options_of_case(expected.name);
  if (!fs::exists(options.dataset)) SKIP("the sample data beside the checkout is absent");
  const testing::TemporaryFolder folder;
  try {
    prepare_quietly(options, folder.path());
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.exit_code() == expected.exit_code);
  }
  for (const char* file : kFiles) CHECK_FALSE(fs::exists(folder / file));
}

TEST_CASE("toydata.csv gives the documented files", "[prepare]") {
  PrepareOptions options;
  options.dataset = fs::path(CANINE_SHARED) / "data" / "toydata.csv";
  if (!fs::exists(options.dataset)) SKIP("the sample data beside the checkout is absent");
  options.target_cols = {"hisco_1"};
  options.language = "en";
  options.allow_codes_shorter_than_block_size = true;
  const testing::TemporaryFolder folder;
  std::string out;
  const PreparedData prepared = prepare_quietly(options, folder.path(), &out);
  // reference/data.md section 5.2
  CHECK(sha256_of_file(prepared.train) == "6a726f4a9d2a0eac9b17f3fdaa3ccdf7ff320c17358fbeb757979840ff9d6126");
  CHECK(sha256_of_file(prepared.val) == "233004cc16cb276738dc9d6ef89fa1b604760809e6eb0d6cf72838adc8e52257");
  CHECK(sha256_of_file(folder / "key.csv") == "4e97660f87b48dffda6e42d9e06f06ffbf0f4ccb645a2f420c561bfe3a2ec7ae");
  CHECK(prepared.key.size() == 296);
  CHECK(prepared.num_train == 9000);
  CHECK(prepared.num_val == 1000);
  CHECK(out.find("440 of 10,000 rows have codes shorter") != std::string::npos);
}

TEST_CASE("The worked preparation of the reference comes out", "[prepare]") {
  // reference/data.md section 5.2
  const testing::TemporaryFolder folder;
  PrepareOptions options;
  options.dataset = testing::write_text(folder / "source.csv",
                                        "text,lang,a,b\n"
                                        "farmer,en,111,\n"
                                        "baker,en,222,333\n"
                                        ",en,,\n"
                                        "\"smith, black\",da, ,444\n"
                                        "NA,en,111, \n"
                                        "x,,555,\n"
                                        "long,en,1234,\n"
                                        "bad,en,1 3,\n"
                                        "two,en,666,12\n"
                                        "t,en,777,888\n"
                                        "u,en,999,111\n");
  options.input_col = "text";
  options.target_cols = {"a", "b"};
  options.language_col = "lang";
  options.block_size = 3;
  options.drop_bad_labels = true;
  options.allow_codes_shorter_than_block_size = true;
  options.share_val = 0.2;
  prepare_quietly(options, folder.path());
  CHECK(read_file(folder / "key.csv") ==
        "system_code,code\n111,0\n,1\n222,2\n333,3\n?,4\n444,5\n555,6\n666,7\n12,8\n777,9\n888,10\n999,11\n");
  CHECK(read_file(folder / "data_val.csv") == "occ1,a,b,lang\nt,777,888,en\n");
  CHECK(read_file(folder / "data_train.csv") ==
        "occ1,a,b,lang\nfarmer,111,,en\nbaker,222,333,en\n,?,,en\n\"smith, black\",?,444,da\n,111,,en\nx,555,,\n"
        "two,666,12,en\nu,999,111,en\n");
  CHECK(read_file(folder / "bad_rows.csv").starts_with("line,column,code,reason\n8,a,1234,\"code too long"));
}

}  // namespace
}  // namespace canine
