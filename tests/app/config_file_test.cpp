#include <catch2/catch_test_macros.hpp>

#include "app/captured.hpp"
#include "app/files.hpp"
#include "canine/app/option_set.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

struct Program {
  std::string dataset;
  std::vector<std::string> columns;
  int64_t batch_size = 128;
  std::optional<int64_t> prefetch;
  double rate = 2e-5;
  bool use_amp = false;
  OptionSet options{"program", "does things", {}};

  Program() {
    options.section("Data");
    options.add("dataset", dataset, "a file");
    options.add("target-cols", columns, "columns");
    options.section("Training");
    options.add("batch-size", batch_size, "rows").at_least(1);
    options.add("prefetch-factor", prefetch, "batches");
    options.add("learning-rate", rate, "rate").at_least(0);
    options.add("use-amp", use_amp, "mixed");
    options.pass_over_config_keys({"formatter", "train_data"});
  }
};

TEST_CASE("command line wins over the file, the file over the default") {
  const Folder folder;
  const std::string file = folder.write("c.yaml", "batch_size: 64\nlearning-rate: 1e-3\nuse_amp: true\n").string();
  Program p;
  REQUIRE(p.options.parse({"--batch-size", "32", "--config", file}));
  CHECK(p.batch_size == 32);
  CHECK(p.rate == 1e-3);
  CHECK(p.use_amp);
  CHECK(p.options.at("batch-size").origin() == Origin::kCommandLine);
  CHECK(p.options.at("learning-rate").origin_text() == "config " + file);
  CHECK(p.options.at("prefetch-factor").origin() == Origin::kDefault);
  Program off;
  REQUIRE(off.options.parse({"--config", file, "--use-amp=false"}));
  CHECK_FALSE(off.use_amp);
}

TEST_CASE("forms of values") {
  const Folder folder;
  const auto read = [&](const std::string& text) {
    auto p = std::make_unique<Program>();
    p->options.read_config(folder.write("c.yaml", text));
    return p;
  };
  CHECK(read("target_cols:\n- a\n- b\n")->columns == std::vector<std::string>{"a", "b"});
  CHECK(read("target_cols: [a, 'b c']\n")->columns == std::vector<std::string>{"a", "b c"});
  CHECK(read("target_cols: a\n")->columns == std::vector<std::string>{"a"});
  CHECK(read("prefetch_factor: null\nbatch_size: ~\n")->batch_size == 128);
  CHECK(read("learning_rate: 2.0e-05\n")->rate == 2e-5);
  CHECK(read("use_amp: yes\n")->use_amp);
  CHECK(read("dataset: no\n")->dataset == "no");
  CHECK(read("dataset: 'null'\n")->dataset == "null");
  CHECK(read("")->batch_size == 128);
  CHECK(read("# nothing\n")->batch_size == 128);
}

TEST_CASE("relative paths start from the current folder or a given one") {
  const Folder folder;
  const auto file = folder.write("c.yaml", "relative: data/a.csv\nabsolute: /tmp/x\ntext: data/a.csv\n");
  const auto read = [&](const fs::path& base) {
    fs::path relative;
    fs::path absolute;
    std::string text;
    OptionSet options("program", "", {});
    options.add("relative", relative, "");
    options.add("absolute", absolute, "");
    options.add("text", text, "");
    options.read_config(file, base);
    return std::vector<fs::path>{relative, absolute, text};
  };
  CHECK(read("") == std::vector<fs::path>{"data/a.csv", "/tmp/x", "data/a.csv"});
  CHECK(read("/share") == std::vector<fs::path>{"/share/data/a.csv", "/tmp/x", "data/a.csv"});
}

TEST_CASE("what is wrong is named with file, line and key") {
  const Folder folder;
  const std::string path = (folder.path() / "c.yaml").string();
  struct Case {
    std::string text;
    std::string message;
  };
  const std::vector<Case> cases = {
      {"batch_size: 64\nbach_size: 3\n", ", line 2: unknown key 'bach_size'; did you mean 'batch_size'?"},
      {"zebra: 1\n", ", line 1: unknown key 'zebra'"},
      {"config: x.yaml\n", ", line 1: unknown key 'config'"},
      {"\nbatch_size: 0\n", ", line 2: batch_size: expected a whole number of at least 1, got '0'"},
      {"batch_size: [1, 2]\n", ", line 1: batch_size: expected one value, got 2 (1, 2)"},
      {"target_cols: []\n", ", line 1: target_cols: expected a value, got an empty list or mapping"},
      {"dataset: {a: b}\n", ", line 1: dataset: expected a value or a list of values"},
      {"target_cols: [[a]]\n", ", line 1: target_cols: expected a value or a list of values"},
      {"batch_size: 1\nbatch-size: 2\n", ", line 2: the key 'batch_size' stands there twice"},
      {"[a]: 1\n", ", line 1: expected a key such as 'batch_size'"},
      {"- a\n", ": expected lines of the form 'batch_size: 64'"},
      {"dataset: [a\n", ", line 2: not readable as YAML: "},
  };
  for (const Case& one : cases) {
    CAPTURE(one.text);
    folder.write("c.yaml", one.text);
    const std::string message = usage_error([&] { Program().options.read_config(path); });
    CHECK(message.substr(0, path.size() + one.message.size()) == path + one.message);
  }
  CHECK(usage_error([&] {
          Program().options.parse({"--config", "absent.yaml"});
        }) == "--config absent.yaml: there is no such file");
}

TEST_CASE("deeply nested text is refused") {
  const Folder folder;
  const auto file = folder.write("c.yaml", "dataset: " + std::string(200000, '[') + "\n");
  CHECK_FALSE(usage_error([&] { Program().options.read_config(file); }).empty());
}

TEST_CASE("keys of the other program are passed over with a note") {
  const Folder folder;
  const auto file = folder.write("c.yaml", "formatter: hisco\ntrain_data:\n- a\nbatch_size: 4\n");
  Program p;
  const std::string note = captured(2, [&] { p.options.read_config(file); });
  CHECK(p.batch_size == 4);
  CHECK(note ==
        "note: " + file.string() + ": passed over, because program has no such option: formatter, train_data\n");
}

TEST_CASE("args.yaml has sorted keys and Python's values") {
  Program p;
  REQUIRE(p.options.parse({"--target-cols", "b", "no", "--dataset", "x y.csv"}));
  CHECK(p.options.args_yaml() ==
        "batch_size: 128\ndataset: x y.csv\nlearning_rate: 2.0e-05\nprefetch_factor: null\ntarget_cols:\n- b\n- 'no'\n"
        "use_amp: false\n");
}

TEST_CASE("--print-config shows origins and is a file that --config reads") {
  const Folder folder;
  const std::string file = folder.write("c.yaml", "learning_rate: 0.001\n").string();
  Program p;
  const std::string text = captured(1, [&] {
    CHECK_FALSE(p.options.parse({"--print-config", "--config", file, "--target-cols", "a", "b,c"}));
  });
  CHECK(text ==
        "# program: all values and where they come from\n\n# Data\n"
        "dataset: null            # default\n"
        "target_cols: [a, 'b,c']  # command line\n\n# Training\n"
        "batch_size: 128          # default\n"
        "prefetch_factor: null    # default\n"
        "learning_rate: 0.001     # config " +
            file +
            "\n"
            "use_amp: false           # default\n");
  Program again;
  again.options.read_config(folder.write("again.yaml", text));
  CHECK(again.columns == std::vector<std::string>{"a", "b,c"});
  CHECK(again.rate == 0.001);
}

}  // namespace
}  // namespace canine
