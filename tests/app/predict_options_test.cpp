#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

#include "canine/app/predict.hpp"

// After LibTorch, whose logging has a CHECK of its own.
#undef CHECK
#include <catch2/catch_test_macros.hpp>

#include "app/captured.hpp"
#include "app/files.hpp"
#include "test_paths.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

struct Predict {
  PredictOptions values;
  OptionSet options = predict_option_set();
  Predict() { declare_predict_options(options, values); }

  /// Message of the UsageError that these arguments give, or "".
  std::string error(const std::vector<std::string>& arguments) {
    return usage_error([&] {
      if (options.parse(arguments)) check_predict_options(options, values);
    });
  }
};

struct Files {
  Folder folder;
  std::string in = folder.write("in.csv", "occ1,lang\nfarmer,en\n").string();
  std::string out = (folder / "out.csv").string();
};

TEST_CASE("--help of predict is the stored text") {
  // After a wanted change: build/bin/predict --help > tests/app/help/predict.txt
  CHECK(Predict().options.help_text() + "\n" == read_file(fs::path(CANINE_SOURCE) / "tests/app/help/predict.txt"));
}

TEST_CASE("predict without more than files takes the Python program's values") {
  const Files files;
  Predict predict;
  CHECK(predict.error({"--fn-in", files.in, "--fn-out", files.out}) == "");
  CHECK(predict.values.col == "occ1");
  CHECK(predict.values.language.empty());  // the model says it; one of the Python program is told en
  CHECK(predict.values.batch_size == 256);
  CHECK(predict.values.mode == DecodeMode::kGreedy);
  CHECK_FALSE(predict.values.threshold);
  CHECK(predict.values.model.model == "Christianvedel/OccCANINE_s2s_mix");
}

TEST_CASE("Abbreviations of predict mean what they mean in the Python program") {
  Predict predict;
  // Not --top-k, --target-cols, --language-col.
  predict.options.parse({"--fn-in", "in.csv", "--fn-out", "out.csv", "--t", "0.5", "--c", "text", "--lang", "da"});
  CHECK(predict.values.threshold == 0.5);
  CHECK(predict.values.col == "text");
  CHECK(predict.values.language == "da");
}

TEST_CASE("The language is one for all or a column") {
  const Files files;
  CHECK(Predict().error({"--fn-in", files.in, "--fn-out", files.out, "--language-col", "lang"}) == "");
  CHECK(Predict().error({"--fn-in", files.in, "--fn-out", files.out, "--language-col", "lang", "--language", "da"}) !=
        "");
  CHECK(Predict().error({"--fn-in", files.in, "--fn-out", files.out, "--language-col", "no"}).find("'occ1', 'lang'") !=
        std::string::npos);
}

TEST_CASE("Without --col the column must be plain") {
  const Files files;
  const auto error = [&](const std::string& text, const std::vector<std::string>& more = {}) {
    write_file(files.in, text);
    std::vector<std::string> arguments = {"--fn-in", files.in, "--fn-out", files.out};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Predict().error(arguments);
  };
  CHECK(error("id,occ1\n1,smith\n").find("--col is missing") != std::string::npos);
  CHECK(error("smith,en\nbaker,en\n").find("--col is missing") != std::string::npos);
  CHECK(error("id;occ1\n1;smith\n").find("separated by ';'") != std::string::npos);
  CHECK(error("id;occ1\n1;smith\n", {"--col", "id;occ1"}) == "");
  CHECK(error("id, occ1\n1,smith\n", {"--col", "occ1"}).find("differ only in blanks") != std::string::npos);
  CHECK(captured(2, [&] { CHECK(error("smith\nbaker\n") == ""); }).find("the first line, 'smith'") !=
        std::string::npos);
  CHECK(captured(2, [&] { CHECK(error("occ1\nbaker\n") == ""); }).empty());
}

TEST_CASE("An output that is there needs a word") {
  const Files files;
  write_file(files.out, "there");
  CHECK(Predict().error({"--fn-in", files.in, "--fn-out", files.out}).find("--overwrite") != std::string::npos);
  CHECK(Predict().error({"--fn-in", files.in, "--fn-out", files.out, "--overwrite"}) == "");
  CHECK(Predict().error({"--fn-in", files.in, "--fn-out", files.in, "--overwrite"}) != "");
  CHECK(Predict().error({"--fn-in", files.in, "--fn-out", files.out, "--overwrite", "--descriptions", files.out}) !=
        "");
  fs::remove(files.out);
  write_file(files.out + ".partial", "rows");
  write_file(files.out + ".progress", "canine table progress 1\nrows 1\nbytes 4\nsettings x\nstate \n");
  CHECK(Predict().error({"--fn-in", files.in, "--fn-out", files.out}).find("--resume") != std::string::npos);
  CHECK(Predict().error({"--fn-in", files.in, "--fn-out", files.out, "--resume"}) == "");
}

TEST_CASE("The end of an output's name is one that is known, or the output is a stream") {
  const Files files;
  const auto error = [&](const std::string& out, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"--fn-in", files.in, "--fn-out", out};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Predict().error(arguments);
  };
  for (const char* name : {"out.CSV", "out.tsv", "out.csv.gz", "out.Parquet"}) {
    CHECK(error((files.folder / name).string()) == "");
  }
  for (const char* name : {"out", "out.txt", "out.xlsx", "out.parquet.csv.zip"}) {
    CHECK(error((files.folder / name).string()).find("expected .csv, .tsv, .csv.gz, .tsv.gz or .parquet") !=
          std::string::npos);
  }
  CHECK(error("-") == "");
  CHECK(error("/dev/stdout", {"--overwrite"}) == "");
  CHECK(error("-", {"--resume"}).starts_with("--resume: rows that went to --fn-out - are not known"));
  CHECK(error("/dev/stderr").find("messages go there") != std::string::npos);
  CHECK(error("/dev/null").find("a character device is there") != std::string::npos);
}

TEST_CASE("Input that cannot be read twice is refused with a way out") {
  const Files files;
  REQUIRE(::mkfifo((files.folder / "pipe").c_str(), 0600) == 0);
  for (const auto& [in, word] : {std::pair<std::string, const char*>("-", "this is the standard input"),
                                 {(files.folder / "pipe").string(), "this is a pipe"},
                                 {"/dev/null", "this is a character device"}}) {
    const std::string message = Predict().error({"--fn-in", in, "--fn-out", files.out});
    CHECK(message.starts_with("--fn-in " + in + ": a file was expected, " + word));
    CHECK(message.find("save what comes from there first") != std::string::npos);
  }
  fs::create_symlink("gone.csv", files.folder / "link.csv");
  CHECK(Predict().error({"--fn-in", (files.folder / "link.csv").string(), "--fn-out", files.out}) ==
        "--fn-in " + (files.folder / "link.csv").string() + ": this is a link to " +
            (files.folder / "gone.csv").string() + ", which is not there");
}

TEST_CASE("A mistyped path of a model is not looked for on the Hub") {
  const Files files;
  for (const std::string model : {"models/last.bin", "runs/of/mine", "./model", "model.safetensors", "model"}) {
    CAPTURE(model);
    CHECK(Predict()
              .error({"--fn-in", files.in, "--fn-out", files.out, "--model", model})
              .starts_with("--model " + model + ": there is no such file or folder"));
  }
  CHECK(Predict().error({"--fn-in", files.in, "--fn-out", files.out, "--model", "owner/model@v2"}) == "");
}

TEST_CASE("Flags of another mode are named") {
  const Files files;
  const auto notes = [&](DecodeMode chosen, const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"--fn-in", files.in, "--fn-out", files.out};
    arguments.insert(arguments.end(), more.begin(), more.end());
    Predict predict;
    CHECK(captured(2, [&] { CHECK(predict.error(arguments) == ""); }).empty());  // the model may choose the mode
    predict.values.mode = chosen;
    return captured(2, [&] { note_flags_of_other_modes(predict.options, predict.values); });
  };
  CHECK(notes(DecodeMode::kGreedy, {"--threshold", "0.5"}).find("--threshold has no effect") != std::string::npos);
  CHECK(notes(DecodeMode::kGreedy, {"--top-k", "2"}).find("--top-k has no effect") != std::string::npos);
  CHECK(notes(DecodeMode::kFlat, {"--threshold", "0.5", "--top-k", "2"}).empty());
  CHECK(notes(DecodeMode::kFlat, {"--conf", "as-written"}).find("--conf has no effect") != std::string::npos);
}

}  // namespace
}  // namespace canine
