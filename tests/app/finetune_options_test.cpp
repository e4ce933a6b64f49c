#include "canine/app/finetune.hpp"

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <set>
#include <sstream>

#include "app/captured.hpp"
#include "app/files.hpp"
#include "test_paths.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

struct Finetune {
  FinetuneOptions values;
  OptionSet options = finetune_option_set();

  Finetune() { declare_finetune_options(options, values); }
  bool parse(const std::vector<std::string>& arguments) { return options.parse(arguments); }
};

std::vector<std::string> words(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> all;
  for (std::string word; stream >> word;) all.push_back(word);
  return all;
}

/// Message of the error that the arguments lead to, "" if they are good. Notes go to `notes`.
std::string error_of(const std::vector<std::string>& arguments, std::string* notes = nullptr) {
  std::string message;
  const std::string text = captured(2, [&] {
    message = usage_error([&] {
      Finetune program;
      program.parse(arguments);
      check_finetune_options(program.options, program.values);
    });
  });
  if (notes != nullptr) *notes = text;
  return message;
}

TEST_CASE("--help is the stored text") {
  // After a wanted change: build/bin/finetune --help > tests/app/help/finetune.txt
  CHECK(Finetune().options.help_text() + "\n" == read_file(fs::path(CANINE_SOURCE) / "tests/app/help/finetune.txt"));
}

TEST_CASE("help lines stay within 100 columns") {
  std::istringstream text(Finetune().options.help_text());
  for (std::string line; std::getline(text, line);) {
    CAPTURE(line);
    CHECK(line.size() <= 100);
  }
}

TEST_CASE("args.yaml of the Python program comes out byte for byte") {
  const fs::path run = fs::path(CANINE_FIXTURES) / "tiny_a/run";
  std::vector<std::string> arguments = words(read_file(run / "command.txt"));
  arguments.erase(arguments.begin());
  Finetune program;
  REQUIRE(program.parse(arguments));

  const std::string wanted = read_file(run / "args_first_run.yaml");
  std::set<std::string> keys;
  std::istringstream wanted_lines(wanted);
  for (std::string line; std::getline(wanted_lines, line);) keys.insert(line.substr(0, line.find(':')));
  std::string found;
  bool of_python = false;
  std::istringstream lines(program.options.args_yaml());
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("- ")) of_python = keys.contains(line.substr(0, line.find(':')));
    if (of_python) found += line + "\n";
  }
  CHECK(found == wanted);
}

TEST_CASE("args.yaml files are configurations: the Python program's, and our own gives itself") {
  Finetune from_python;
  from_python.options.read_config(fs::path(CANINE_FIXTURES) / "tiny_a/run/args_after_resume.yaml");
  CHECK(from_python.values.train.num_epochs == 3);
  CHECK(from_python.values.data.target_cols == std::vector<std::string>{"hisco_1"});
  CHECK_FALSE(from_python.values.data.language_col.has_value());

  const Folder folder;
  Finetune ours;
  REQUIRE(ours.parse({"--dataset", "d.csv", "--target-cols", "a", "b", "--padding", "mask", "--warmup-steps", "7",
                      "--keep-best", "seq_acc", "--seed", "12345678901234567", "--language-col", "no"}));
  Finetune again;
  again.options.read_config(folder.write("args.yaml", ours.options.args_yaml()));
  CHECK(again.options.args_yaml() == ours.options.args_yaml());
}

TEST_CASE("an args.yaml holds all values, so its defaults count as not chosen") {
  const Folder folder;
  const std::string data = folder.write("d.csv", "occ1,code\na,1\n").string();
  const std::string shape = folder.write("config.json", "{}").string();
  Finetune first;
  REQUIRE(first.parse({"--dataset", data, "--target-cols", "code", "--encoder-config", shape, "--use-amp",
                       "--save-each-epoch", "--warmup-steps", "3", "--save-path", (folder / "out").string()}));
  const std::string args = folder.write("args.yaml", first.options.args_yaml()).string();
  std::string notes;
  CHECK(error_of({"--config", args}, &notes).empty());
  CHECK(notes.empty());

  Finetune again;
  REQUIRE(again.parse({"--config", args}));
  CHECK_FALSE(again.options.given("precision"));
  check_finetune_options(again.options, again.values);
  CHECK(again.values.model.encoder_config == shape);

  Finetune pretrained;
  REQUIRE(pretrained.parse({"--config", args, "--encoder", "google/canine-c"}));
  check_finetune_options(pretrained.options, pretrained.values);
  CHECK(pretrained.values.model.encoder_config.empty());
}

TEST_CASE("args.yaml of Python's train_mixer is read, its own keys are passed over") {
  const Folder folder;
  const fs::path file =
      folder.write("args.yaml",
                   "batch_size: 512\ndecoder_dim_feedforward: null\ndropout: 0.1\nformatter: hisco\n"
                   "save_dir: out\nsave_each_epoch: true\ntarget_col_naming: hisco\ntarget_cols: null\n"
                   "train_data:\n- a.csv\nval_data:\n- b.csv\n");
  Finetune program;
  const std::string note = captured(2, [&] { program.options.read_config(file); });
  CHECK(program.values.train.batch_size == 512);
  CHECK(program.values.model.dropout == 0.1);
  CHECK(program.values.train.save_each_epoch);
  CHECK(note.find("formatter, save_dir, target_col_naming, train_data, val_data") != std::string::npos);
}

TEST_CASE("defaults are the Python program's") {
  const Finetune program;
  CHECK(program.values.train.save_path == "./Finetuned/");
  CHECK(program.values.train.num_epochs == 5);
  CHECK(program.values.train.batch_size == 128);
  CHECK(program.values.train.learning_rate == 2e-5);
  CHECK(program.values.train.seq2seq_weight == 0.1);
  CHECK(program.values.train.warmup_pct == 0.05);
  CHECK(program.values.train.log_interval == 100);
  CHECK(program.values.train.eval_interval == 1000);
  CHECK(program.values.train.save_interval == 1000);
  CHECK(program.values.data.input_col == "occ1");
  CHECK(program.values.data.language == "unk");
  CHECK(program.values.data.block_size == 5);
  CHECK(program.values.data.share_val == 0.1);
  CHECK(program.values.augmentation.options.augmentation_prob == 0.3);
  CHECK(program.values.augmentation.options.num_transformations == 3);
  CHECK(program.values.augmentation.options.unknown_language_prob == 0.25);
  CHECK(program.values.train.max_len == 128);
  CHECK(program.values.wandb.project_name == "histco-v2-mixer");
  CHECK(program.values.launch.local_rank == -1);
  CHECK(program.values.launch.world_size == 1);
}

TEST_CASE("every number has its range") {
  struct Case {
    std::string flag;
    std::vector<std::string> good;
    std::vector<std::string> bad;
  };
  const std::vector<Case> cases = {
      {"block-size", {"1", "127"}, {"0", "-1", "x", "1.5"}},
      {"share-val", {"0", "0.5", "1"}, {"-0.1", "1.1", "nan", "x"}},
      {"augmentation-prob", {"0", "1"}, {"-0.1", "1.01"}},
      {"num-transformations", {"0", "3"}, {"-1", "0.5"}},
      {"unk-lang-prob", {"0", "1"}, {"-1", "2"}},
      {"max-len", {"4", "128", "16384"}, {"3", "16385"}},
      {"dropout", {"0", "0.99"}, {"-0.1", "1"}},
      {"decoder-dim-feedforward", {"0", "768", "16777216"}, {"-1", "16777217", "100000000000"}},
      {"num-epochs", {"0", "5"}, {"-1", "1e3"}},
      {"batch-size", {"1", "4096"}, {"0", "-1"}},
      {"learning-rate", {"0", "1e-3", ".5"}, {"-1e-9", "nan", "inf"}},
      {"warmup-pct", {"0", "1"}, {"-0.01", "5"}},
      {"warmup-steps", {"0", "10"}, {"-1"}},
      {"seq2seq-weight", {"0", "1"}, {"-0.1", "1.1"}},
      {"weight-decay", {"0", "0.1"}, {"-0.1"}},
      {"clip-norm", {"0", "10"}, {"-1"}},
      {"seed", {"0", "9223372036854775807"}, {"-1", "9223372036854775808"}},
      {"max-nonfinite-steps", {"1"}, {"0"}},
      {"save-interval", {"1"}, {"0", "-5"}},
      {"keep-last", {"0", "3"}, {"-1"}},
      {"log-interval", {"1"}, {"0"}},
      {"eval-interval", {"1"}, {"0"}},
      {"num-threads", {"0", "4096"}, {"-1", "4097"}},
      {"num-workers", {"0", "16"}, {"-1"}},
      {"prefetch-factor", {"1"}, {"0"}},
      {"local-rank", {"-1", "0"}, {"-2"}},
      {"world-size", {"1", "8"}, {"0"}},
      {"timeout-init", {"1", "604800"}, {"0", "0.5", "inf", "1e9"}},
      {"timeout-step", {"1", "30.5"}, {"0", "nan"}},
      {"global-batch-size", {"1"}, {"0"}},
      {"grad-accum-steps", {"1", "4"}, {"0"}},
      {"lr-ref-batch", {"1"}, {"0"}},
      {"eval-batch-size", {"0", "8"}, {"-1"}},
      {"check-sync", {"0", "8"}, {"-1"}},
      {"backend", {"auto", "nccl", "gloo"}, {"mpi"}},
      {"lr-scale", {"none", "sqrt", "linear"}, {"log"}},
      {"loss-scope", {"process", "global"}, {"node"}},
      {"grad-compression", {"none", "fp16", "bf16"}, {"int8"}},
      {"precision", {"fp32", "tf32", "bf16", "fp16"}, {"fp64"}},
      {"padding", {"reference", "mask"}, {"none"}},
      {"attention", {"eager", "sdpa"}, {"flash"}},
      {"keep-best", {"seq_acc", "token_acc", "flat_acc", "val_loss"}, {"loss"}},
  };
  std::set<std::string> tested;
  for (const auto& [flag, good, bad] : cases) {
    tested.insert(flag);
    for (const std::string& value : good) {
      CAPTURE(flag, value);
      CHECK(Finetune().parse({"--" + flag, value}));
    }
    for (const std::string& value : bad) {
      CAPTURE(flag, value);
      CHECK(usage_error([&, &flag = flag] {
              Finetune().parse({"--" + flag, value});
            }).starts_with("--" + flag + ": expected "));
    }
  }
  const Finetune program;
  for (const Option& option : program.options.options()) {
    if (option.kind() != Option::Kind::kInteger && option.kind() != Option::Kind::kNumber) continue;
    CAPTURE(option.name());
    CHECK(tested.contains(option.name()));
  }
}

TEST_CASE("flags that need or exclude each other") {
  const Folder folder;
  const std::string data = folder.write("d.csv", "occ1,code,a,b\na,1,1,1\n").string();
  const std::string out = (folder.path() / "out").string();
  const std::string shape = folder.write("config.json", "{}").string();
  const auto error = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--save-path", out});
    return error_of(arguments);
  };
  const std::vector<std::string> good = {"--dataset", data, "--target-cols", "code"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.end(), good.begin(), good.end());
    return error(more);
  };
  CHECK(with({}).empty());
  CHECK(error({"--target-cols", "code"}).starts_with("--dataset is missing: give the CSV or Parquet file"));
  CHECK(error({"--dataset", data}).starts_with("--target-cols is missing: "));
  CHECK(error({"--dataset", "absent.csv", "--target-cols", "code"}) == "--dataset absent.csv: there is no such file");
  CHECK(error({"--dataset", folder.path().string(), "--target-cols", "code"})
            .starts_with("--dataset " + folder.path().string() + ": a file was expected, this is a folder"));
  CHECK(with({"--language", "en", "--language-col", "lang"})
            .starts_with("--language en and --language-col lang exclude"));
  CHECK(with({"--block-size", "127"}).empty());
  CHECK(with({"--block-size", "128"}) ==
        "--block-size 128 with 1 target column makes sequences of 129 tokens; the decoder has 128 positions, so number "
        "of "
        "columns times block size may be 127 at most");
  CHECK(error({"--dataset", data, "--target-cols", "a", "b", "--block-size", "64"})
            .starts_with("--block-size 64 with 2 target columns makes sequences of 129 tokens"));
  CHECK(error({"--dataset", data, "--target-cols", "a", "b", "--block-size", "9223372036854775807"})
            .starts_with("--block-size "));
  CHECK(error({"--dataset", data, "--target-cols", "a", "b", "--block-size", "63"}).empty());
  CHECK(with({"--share-val", "1"}).starts_with("--share-val 1 leaves no rows for training"));
  CHECK(with({"--share-val", "1", "--prepare-only"}).empty());
  CHECK(with({"--share-val", "0", "--prepare-only"}).empty());
  CHECK(with({"--share-val", "0"}).empty());
  CHECK(with({"--learning-rate", "0"}).empty());
  CHECK(with({"--encoder", "x", "--encoder-config", shape}).starts_with("--encoder (pretrained weights)"));
  CHECK(with({"--encoder-config", "absent.json"}) == "--encoder-config absent.json: there is no such file");
  CHECK(with({"--fn-word-freq", "absent.csv"}) == "--fn-word-freq absent.csv: there is no such file");
  for (const std::string absent : {"absent.bin", "no/such/folder"}) {
    CHECK(with({"--initial-checkpoint", absent})
              .starts_with("--initial-checkpoint " + absent + ": there is no such file or folder"));
  }
  CHECK(with({"--initial-checkpoint", "OCC-CANINE-v1"}).empty());  // downloaded when the run starts
  CHECK(with({"--prepare-only", "--dry-run"}).starts_with("--prepare-only and --dry-run exclude"));
  CHECK(with({"--log-wandb"}).starts_with("--log-wandb: "));
  CHECK(with({"--config", folder.write("w.yaml", "log_wandb: true\n").string()}).starts_with("--log-wandb: "));
  CHECK(with({"--distributed", "--local_rank", "0", "--world-size", "2"}).empty());
}

TEST_CASE("prepared files stand in for --dataset unless they are to be made again") {
  const Folder folder;
  for (const char* name : {"data_train.csv", "data_val.csv", "key.csv"}) folder.write(name, "x\n");
  const std::string out = folder.path().string();
  CHECK(error_of({"--save-path", out, "--target-cols", "code"}).empty());
  CHECK(error_of({"--save-path", out, "--target-cols", "code", "--dataset", "gone.csv"}).empty());
  CHECK(error_of({"--save-path", out, "--target-cols", "code", "--overwrite-prepared"})
            .starts_with("--dataset is missing"));
  CHECK(error_of({"--save-path", out}).starts_with("--target-cols is missing"));
}

TEST_CASE("settings without effect are named, and only those that were given") {
  const Folder folder;
  const std::string data = folder.write("d.csv", "occ1,code\na,1\n").string();
  const auto notes = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(),
                     {"--dataset", data, "--target-cols", "code", "--save-path", (folder.path() / "out").string()});
    std::string text;
    CHECK(error_of(arguments, &text).empty());
    return text;
  };
  CHECK(notes({}).empty());
  CHECK(notes({"--prefetch-factor", "2"}) ==
        "note: --prefetch-factor has no effect: there are no workers (--num-workers 0)\n");
  CHECK(notes({"--prefetch-factor", "2", "--num-workers", "1"}).empty());
  CHECK(notes({"--only-encoder"}) == "note: --only-encoder has no effect: there is no --initial-checkpoint\n");
  CHECK(notes({"--warmup-pct", "0.1", "--warmup-steps", "3"}) ==
        "note: --warmup-pct has no effect: --warmup-steps was given\n");
  CHECK(notes({"--save-each-epoch", "--save-interval", "3"}).starts_with("note: --save-interval has no effect"));
  CHECK(notes({"--share-val", "0", "--keep-best", "seq_acc"}).starts_with("note: --keep-best has no effect"));
  CHECK(notes({"--augmentation-prob", "0", "--num-transformations", "2"})
            .starts_with("note: --num-transformations has no effect"));
  CHECK(notes({"--wandb-project-name", "x"}).starts_with("note: --wandb-project-name has no effect"));
  const std::string words = folder.write("w.csv", "word,freq\na,1\n").string();
  CHECK(notes({"--num-transformations", "0", "--fn-word-freq", words}) ==
        "note: --fn-word-freq has no effect: --num-transformations is 0\n");
  CHECK(notes({"--fn-word-freq", words}).empty());
}

/// What is said about arguments that are followed by `more`.
std::string notes_of(std::vector<std::string> arguments, const std::vector<std::string>& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  std::string text;
  CHECK(error_of(arguments, &text).empty());
  return text;
}

TEST_CASE("a dry run names the settings of checkpoints that it does not keep") {
  const Folder folder;
  const std::vector<std::string> data = {"--dataset",     folder.write("d.csv", "occ1,code\na,1\n").string(),
                                         "--target-cols", "code",
                                         "--save-path",   (folder.path() / "out").string(),
                                         "--dry-run"};
  const auto notes = [&](const std::vector<std::string>& arguments) { return notes_of(arguments, data); };
  CHECK(notes({}).empty());
  CHECK(notes({"--save-interval", "3", "--keep-last", "2", "--keep-best", "seq_acc"}) ==
        "note: --save-interval has no effect: --dry-run keeps no checkpoint\n"
        "note: --keep-last has no effect: --dry-run keeps no checkpoint\n"
        "note: --keep-best has no effect: --dry-run keeps no checkpoint\n");
  CHECK(notes({"--save-each-epoch", "--save-interval", "3"}) ==
        "note: --save-interval has no effect: --dry-run keeps no checkpoint\n"
        "note: --save-each-epoch has no effect: --dry-run keeps no checkpoint\n");
}

TEST_CASE("a preparation names the settings of the training that were given, in one line") {
  const Folder folder;
  const std::vector<std::string> data = {"--dataset",
                                         folder.write("d.csv", "occ1,code\na,1\n").string(),
                                         "--target-cols",
                                         "code",
                                         "--prepare-only",
                                         "--save-path",
                                         (folder.path() / "out").string(),
                                         "--share-val",
                                         "0.5",
                                         "--num-threads",
                                         "2"};
  const auto notes = [&](const std::vector<std::string>& arguments) { return notes_of(arguments, data); };
  CHECK(notes({}).empty());
  CHECK(notes({"--batch-size", "8"}) == "note: --batch-size has no effect: --prepare-only ends before the training\n");
  CHECK(
      notes({"--augmentation-prob", "0", "--num-transformations", "2", "--keep-best", "seq_acc", "--max-len", "64"}) ==
      "note: --augmentation-prob, --num-transformations, --max-len, --keep-best have no effect: --prepare-only ends "
      "before the training\n");
}

TEST_CASE("loader and thread flags reach the options they shape") {
  const Folder folder;
  Finetune program;
  REQUIRE(program.parse({"--dataset", folder.write("d.csv", "occ1,code\na,1\n").string(), "--target-cols", "code",
                         "--num-workers", "2", "--prefetch-factor", "7", "--num-threads", "3"}));
  check_finetune_options(program.options, program.values);
  CHECK(program.values.train.num_workers == 2);
  CHECK(program.values.train.prefetch_factor == 7);
  CHECK(program.values.data.num_threads == 3);
}

}  // namespace
}  // namespace canine
