#include "canine/app/option_set.hpp"

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>

#include "app/captured.hpp"
#include "app/files.hpp"
#include "canine/app/command_line.hpp"
#include "support/environment_variable.hpp"

namespace canine {
namespace {

enum class Color { kRed, kGreen };

/// A small program: its variables and its flags.
struct Program {
  std::string dataset;
  std::vector<std::string> columns;
  int64_t batch_size = 128;
  std::optional<int64_t> batches;
  double rate = 2e-5;
  double dropout = 0;
  bool use_amp = false;
  bool use_block = false;
  int threads = 0;
  uint64_t seed = 0;
  std::filesystem::path folder = "./out/";
  Color color = Color::kRed;
  OptionSet options{"program", "does things", {{"program", "does them"}}};

  Program() {
    options.section("Flags");
    options.add("dataset", dataset, "a file").takes("FILE");
    options.add("target-cols", columns, "columns").takes("COLUMN");
    options.add("batch-size", batch_size, "rows").at_least(1);
    options.add("batch-count", batches, "batches").at_least(0).addition();
    options.add("learning-rate", rate, "rate").at_least(0);
    options.add("dropout", dropout, "dropout").from_to_below(0, 1).addition();
    options.add("use-amp", use_amp, "mixed");
    options.add("use-within-block", use_block, "blocks");
    options.add("num-threads-x", threads, "threads").between(0, 64).environment("CANINE_TEST_THREADS");
    options.add("seed", seed, "seed").at_least(0);
    options.add("folder", folder, "folder").takes("FOLDER");
    options.add("color", color, {{"red", Color::kRed}, {"green", Color::kGreen}}, "color");
  }

  void parse(const std::vector<std::string>& arguments) { REQUIRE(options.parse(arguments)); }
  std::string error(const std::vector<std::string>& arguments) {
    return usage_error([&] { options.parse(arguments); });
  }
};

TEST_CASE("values of every type reach their variables") {
  Program p;
  p.parse({"--dataset", "a b.csv", "--target-cols", "x", "y", "z", "--batch-size", "7", "--batch-count", "0",
           "--learning-rate", "1e-3", "--use-amp", "--seed", "9007199254740993", "--folder", "/tmp/x", "--color",
           "green"});
  CHECK(p.dataset == "a b.csv");
  CHECK(p.columns == std::vector<std::string>{"x", "y", "z"});
  CHECK(p.batch_size == 7);
  CHECK(p.batches == 0);
  CHECK(p.rate == 1e-3);
  CHECK(p.use_amp);
  CHECK_FALSE(p.use_block);
  CHECK(p.seed == 9007199254740993u);
  CHECK(p.folder == "/tmp/x");
  CHECK(p.color == Color::kGreen);
}

TEST_CASE("defaults stay where nothing is given") {
  Program p;
  p.parse({"--use-amp"});
  CHECK(p.batch_size == 128);
  CHECK_FALSE(p.batches.has_value());
  CHECK(p.options.given("use-amp"));
  CHECK_FALSE(p.options.given("batch-size"));
}

TEST_CASE("spellings of argparse") {
  struct Case {
    std::vector<std::string> arguments;
    int64_t batch_size;
  };
  for (const Case& one : std::vector<Case>{{{"--batch-size=5"}, 5},
                                           {{"--batch_size", "5"}, 5},
                                           {{"--batch_size=5"}, 5},
                                           {{"--batch-s", "5"}, 5},
                                           {{"--batch_s=5"}, 5},
                                           {{"--batch-size", "+5"}, 5},
                                           {{"--batch-size", "5", "--batch-size", "6"}, 6},
                                           {{"--batch-size", "5", "--batch-s=6"}, 6}}) {
    CAPTURE(one.arguments);
    Program p;
    p.parse(one.arguments);
    CHECK(p.batch_size == one.batch_size);
  }
}

TEST_CASE("an abbreviation of one of the Python program's flags keeps its meaning beside our additions") {
  Program p;
  p.parse({"--batch", "5"});  // --batch-count is an addition
  CHECK(p.batch_size == 5);
}

TEST_CASE("lists end at the next option, and the last list wins") {
  Program p;
  p.parse({"--target-cols", "a", "b", "--use-amp", "--target_cols", "c", "--seed", "1"});
  CHECK(p.columns == std::vector<std::string>{"c"});
  Program equals;
  equals.parse({"--target-cols=a", "--seed", "1"});
  CHECK(equals.columns == std::vector<std::string>{"a"});
  Program brackets;
  brackets.parse({"--target-cols", "[a,b]", "{}", "c d", "-1"});
  CHECK(brackets.columns == std::vector<std::string>{"[a,b]", "{}", "c d", "-1"});
}

TEST_CASE("values that look odd are values") {
  for (const std::string text :
       {"--x=y", "=", "==a", "-", "-1", "-.5", "[a]", "[a,b]", "{}", "%%", "a b", "\"a\"", "\\n"}) {
    CAPTURE(text);
    Program p;
    p.parse({"--dataset=" + text, "--target-cols=" + text});
    CHECK(p.dataset == text);
    CHECK(p.columns == std::vector<std::string>{text});
    if (text.starts_with("--")) continue;
    Program apart;
    apart.parse({"--target-cols", text, text, "--dataset", text});
    CHECK(apart.dataset == text);
    CHECK(apart.columns == std::vector<std::string>{text, text});
  }
}

TEST_CASE("a switch can be turned off again") {
  Program p;
  p.parse({"--use-amp", "--use-amp=false"});
  CHECK_FALSE(p.use_amp);
}

TEST_CASE("usage errors say what is wrong and how to mend it") {
  struct Case {
    std::vector<std::string> arguments;
    std::string message;
  };
  const std::vector<Case> cases = {
      {{"--bach-size", "5"}, "unknown option --bach-size; did you mean --batch-size?"},
      {{"--learning-rat3=1"}, "unknown option --learning-rat3; did you mean --learning-rate?"},
      {{"--zebra"}, "unknown option --zebra"},
      {{"-batch-size", "5"}, "unknown option -batch-size; did you mean --batch-size?"},
      {{"--dataset", "-x"}, "unknown option -x"},
      {{"--dataset", "a", "b"}, "unexpected argument 'b': every value stands behind the option that takes it"},
      {{"stray"}, "unexpected argument 'stray': every value stands behind the option that takes it"},
      {{"--use-amp", "1"}, "unexpected argument '1': every value stands behind the option that takes it"},
      {{"--use"}, "--use is ambiguous: it may mean --use-amp, --use-within-block"},
      {{"--batch-size"}, "--batch-size: expected a whole number of at least 1, got nothing"},
      {{"--dataset", "--seed", "1"}, "--dataset: expected a value, got nothing"},
      {{"--dataset", ""}, "--dataset: expected a value, got nothing"},
      {{"--target-cols", "--seed", "1"}, "--target-cols: expected one or more values, got nothing"},
      {{"--batch-size", "0"}, "--batch-size: expected a whole number of at least 1, got '0'"},
      {{"--batch-size", "-3"}, "--batch-size: expected a whole number of at least 1, got '-3'"},
      {{"--batch-size", "1.5"}, "--batch-size: expected a whole number of at least 1, got '1.5'"},
      {{"--batch-size", "12x"}, "--batch-size: expected a whole number of at least 1, got '12x'"},
      {{"--batch-size", "99999999999999999999"},
       "--batch-size: expected a whole number of at least 1, got '99999999999999999999'"},
      {{"--num-threads-x", "65"}, "--num-threads-x: expected a whole number from 0 to 64, got '65'"},
      {{"--learning-rate", "nan"}, "--learning-rate: expected a number of at least 0, got 'nan'"},
      {{"--learning-rate", "inf"}, "--learning-rate: expected a number of at least 0, got 'inf'"},
      {{"--learning-rate", "fast"}, "--learning-rate: expected a number of at least 0, got 'fast'"},
      {{"--dropout", "1"}, "--dropout: expected a number from 0 to below 1, got '1'"},
      {{"--use-amp=maybe"}, "--use-amp: expected true or false, got 'maybe'"},
      {{"--color", "blue"}, "--color: expected one of red, green, got 'blue'"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.arguments);
    CHECK(Program().error(one.arguments) == one.message);
  }
}

/// A small program of two files and a flag.
struct SmallProgram {
  std::filesystem::path in;
  std::string out;
  std::optional<std::string> third;
  std::optional<Color> color;
  std::vector<std::string> columns;
  bool flag = false;
  OptionSet options{"small", "copies", {{"small IN OUT", "copies it"}}, OptionSet::ConfigFiles::kNo};

  SmallProgram() {
    options.section("Arguments");
    options.add_positional("IN", in, "file to read");
    options.add_positional("OUT", out, "file to write");
    options.add_positional("THIRD", third, "more");
    options.section("Flags");
    options.add("in-color", color, {{"red", Color::kRed}, {"green", Color::kGreen}}, "color");
    options.add("columns", columns, "columns").required();
    options.add("flag", flag, "flag");
  }
};

TEST_CASE("arguments without a flag are taken in order, wherever flags stand") {
  const std::vector<std::vector<std::string>> spellings = {
      {"a", "b", "--flag", "--columns", "x", "y"},
      {"--columns", "x", "y", "--flag", "a", "b"},
      {"--flag", "a", "--in-color", "green", "b", "--columns", "x", "y"},
      {"a", "--columns", "x", "y", "--in-color=green", "b"}};
  for (const auto& arguments : spellings) {
    CAPTURE(arguments);
    SmallProgram p;
    REQUIRE(p.options.parse(arguments));
    CHECK(p.in == "a");
    CHECK(p.out == "b");
    CHECK_FALSE(p.third.has_value());
    CHECK(p.columns == std::vector<std::string>{"x", "y"});
  }
  SmallProgram odd;
  REQUIRE(odd.options.parse({"-1", "a b=[c]", "-", "--columns=x", "--in-color", "green"}));
  CHECK(odd.in == "-1");
  CHECK(odd.out == "a b=[c]");
  CHECK(odd.third == "-");
  CHECK(odd.color == Color::kGreen);
}

TEST_CASE("what must be given and what is too much are named") {
  const std::pair<std::vector<std::string>, std::string> cases[] = {
      {{}, "IN is missing: file to read (see small --help)"},
      {{"a", "--columns", "x"}, "OUT is missing: file to write (see small --help)"},
      {{"a", "b"}, "--columns is missing: columns (see small --help)"},
      {{"a", "b", "c", "d", "--columns", "x"},
       "unexpected argument 'd': THIRD is the last that stands without an option"},
      {{"a", "", "--columns", "x"}, "OUT: expected a value, got nothing"},
      {{"a", "b", "--columns", "x", "--OUT", "c"}, "unknown option --OUT"},
      {{"a", "b", "--columns", "x", "--in-color", "blue"}, "--in-color: expected one of red, green, got 'blue'"},
      {{"a", "b", "--columns", "x", "--config", "c.yaml"}, "unknown option --config"},
  };
  for (const auto& [arguments, message] : cases) {
    CAPTURE(arguments);
    SmallProgram p;
    CHECK(usage_error([&, &arguments = arguments] { p.options.parse(arguments); }).starts_with(message));
  }
}

TEST_CASE("help of a small program shows its arguments and no configuration files") {
  const std::string text = SmallProgram().options.help_text();
  CHECK(text.find("\nArguments\n  IN                          file to read\n") != std::string::npos);
  CHECK(text.find("config") == std::string::npos);
}

TEST_CASE("limits of a variable's type hold without being declared") {
  int small = 0;
  OptionSet options("program", "", {});
  options.add("small", small, "a number");
  std::optional<int> optional;
  options.add("least", optional, "a number").at_least(0);
  for (const std::string flag : {"--small", "--least"}) {
    CHECK(usage_error([&] {
            options.parse({flag, "3000000000"});
          }) == flag + ": expected a whole number of at most 2147483647, got '3000000000'");
    options.parse({flag, "2147483647"});
  }
  CHECK(usage_error([&] {
          options.parse({"--least", "-1"});
        }) == "--least: expected a whole number of at least 0, got '-1'");
}

TEST_CASE("limits are named with all their digits") {
  int64_t width = 0;
  double share = 0;
  OptionSet options("program", "", {});
  options.add("width", width, "a number").between(0, 16777216);
  options.add("share", share, "a number").between(0.125, 0.5);
  CHECK(usage_error([&] {
          options.parse({"--width", "16777217"});
        }) == "--width: expected a whole number from 0 to 16777216, got '16777217'");
  CHECK(usage_error([&] {
          options.parse({"--share", "1"});
        }) == "--share: expected a number from 0.125 to 0.5, got '1'");
}

TEST_CASE("the start of a path may mean a home, wherever it was given") {
  const testing::EnvironmentVariable home("HOME", "/home/me");
  Program p;
  p.parse({"--dataset=~/in.csv", "--folder=~", "--target-cols", "~/x"});
  CHECK(p.dataset == "/home/me/in.csv");
  CHECK(p.folder == "/home/me");
  CHECK(p.columns == std::vector<std::string>{"~/x"});  // no path
  Program other;
  other.parse({"--dataset", "~no-such-user/x", "--folder", "a/~"});
  CHECK(other.dataset == "~no-such-user/x");
  CHECK(other.folder == "a/~");
}

TEST_CASE("a variable in a path is refused, unless something is really called so") {
  for (const char* path : {"${HOME}/q", "$HOME/q", "runs/$USER", "$(pwd)/x", "a$1"}) {
    CHECK(Program().error({"--folder", path}).find("is a variable that no shell has replaced") != std::string::npos);
    CHECK(Program().error({"--dataset", path}) != "");
    CHECK(Program().error({"--target-cols", path}) == "");
  }
  CHECK(Program().error({"--folder", "price in $"}) == "");
  const Folder folder;
  const std::string literal = folder.write("a$b/c", "").parent_path().string();
  CHECK(Program().error({"--folder", literal}) == "");
  CHECK(Program().error({"--folder", literal + "/new"}) == "");
  CHECK(Program().error({"--folder", literal + "/$new"}) != "");
  const std::string config = folder.write("c.yaml", "folder: ${HOME}/q\n").string();
  CHECK(Program().error({"--config", config}).find("c.yaml, line 1: folder ${HOME}/q: '${HOME}'") != std::string::npos);
}

TEST_CASE("the environment gives a value that nobody else gives") {
  ::setenv("CANINE_TEST_THREADS", "4,2", 1);
  Program p;
  p.parse({});
  CHECK(p.threads == 4);
  CHECK(p.options.at("num-threads-x").origin_text() == "environment CANINE_TEST_THREADS");
  Program given;
  given.parse({"--num-threads-x", "3"});
  CHECK(given.threads == 3);
  ::setenv("CANINE_TEST_THREADS", "many", 1);
  Program odd;
  const std::string warning = captured(2, [&] { odd.parse({}); });
  CHECK(odd.threads == 0);
  CHECK(warning.starts_with("warning: CANINE_TEST_THREADS=many has no effect here: "));
  ::setenv("CANINE_TEST_THREADS", "", 1);
  CHECK(captured(2, [&] { Program().parse({}); }).empty());
  ::unsetenv("CANINE_TEST_THREADS");
}

TEST_CASE("help and version win over everything else and go to stdout") {
  for (const std::string flag : {"-h", "--help", "--hel"}) {
    Program p;
    const std::string text = captured(1, [&] { CHECK_FALSE(p.options.parse({flag})); });
    CHECK(text == p.options.help_text() + "\n");
  }
  Program p;
  captured(1, [&] { CHECK_FALSE(p.options.parse({"--unknown", "--help"})); });
  const std::string version = captured(1, [&] { CHECK_FALSE(p.options.parse({"--version"})); });
  CHECK(version.starts_with("program of canine.cpp "));
  CHECK(version.find("LibTorch 2.") != std::string::npos);
}

TEST_CASE("help lines show name, value, limits and default within 100 columns") {
  int64_t steps = 7;
  bool flag = false;
  OptionSet options("program", "does things", {{"program --x", "means this"}});
  options.section("First");
  options.add("steps", steps, "steps between two things").at_least(1);
  options.section("Second");
  options.add("a-switch-with-quite-a-long-name", flag, std::string(60, 'a') + " " + std::string(20, 'b'));
  const std::string text = options.help_text();
  CHECK(text.find("\nFirst\n  --steps N                   steps between two things [at least 1; default 7]\n") !=
        std::string::npos);
  const std::string indent(30, ' ');
  CHECK(text.find("\n  --a-switch-with-quite-a-long-name\n" + indent + std::string(60, 'a') + "\n" + indent +
                  std::string(20, 'b') + "\n") != std::string::npos);
}

}  // namespace
}  // namespace canine
