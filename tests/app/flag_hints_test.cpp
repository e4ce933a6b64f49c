#include "canine/app/flag_hints.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

#include "canine/app/evaluate.hpp"
#include "canine/app/finetune.hpp"
#include "canine/app/flag_meanings.hpp"
#include "canine/app/predict.hpp"
#include "canine/app/train_mixer.hpp"
#include "canine/core/file.hpp"

// After LibTorch, whose logging has a CHECK of its own.
#undef CHECK
#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

#include "app/captured.hpp"
#include "test_paths.hpp"

namespace canine {
namespace {

/// A program's flags with the variables behind them.
template <typename Values, OptionSet (*make)(), void (*declare)(OptionSet&, Values&)>
struct ProgramOf {
  Values values;
  OptionSet options = make();
  ProgramOf() { declare(options, values); }
};
using Finetune = ProgramOf<FinetuneOptions, finetune_option_set, declare_finetune_options>;
using TrainMixer = ProgramOf<TrainMixerOptions, train_mixer_option_set, declare_train_mixer_options>;
using Evaluate = ProgramOf<EvaluateOptions, evaluate_option_set, declare_evaluate_options>;
using Predict = ProgramOf<PredictOptions, predict_option_set, declare_predict_options>;

template <typename Program>
std::string error_of(const std::vector<std::string>& arguments) {
  Program program;
  return usage_error([&] { program.options.parse(arguments); });
}

std::string error_in(const std::string& program, const std::vector<std::string>& arguments) {
  if (program == "finetune") return error_of<Finetune>(arguments);
  if (program == "train_mixer") return error_of<TrainMixer>(arguments);
  return program == "evaluate" ? error_of<Evaluate>(arguments) : error_of<Predict>(arguments);
}

TEST_CASE("flags of other trainers and of the sister programs get the flag that is meant") {
  struct Case {
    const char* program;
    const char* typed;
    const char* hint;
  };
  const Case cases[] = {
      {"finetune", "--epochs", "; here that is --num-epochs"},
      {"finetune", "--lr", "; here that is --learning-rate"},
      {"finetune", "--bs", "; here that is --batch-size"},
      {"finetune", "--Per_Device_Train_Batch_Size", "; here that is --batch-size"},
      {"finetune", "--output", "; here that is --save-path"},
      {"finetune", "--output_dir=x", "; here that is --save-path"},
      {"finetune", "--save-dir", "; here that is --save-path"},
      {"finetune", "--fn-out", "; here that is --save-path"},
      {"finetune", "--threads", "; here that is --num-threads"},
      {"finetune", "--gpus", "; here that is --devices (numbers of GPUs such as 0,1, or auto, or cpu)"},
      {"finetune", "--no-cuda", "; here that is --devices cpu"},
      {"finetune", "--nproc_per_node", "; here that is --devices (one process for each"},
      {"finetune", "--workers", "; here that is --num-workers"},
      {"finetune", "--fp16", "; here that is --precision fp16"},
      {"finetune", "--bf16", "; here that is --precision bf16"},
      {"finetune", "--resume", "; here that is --save-path (no flag is needed: the same command goes on"},
      {"finetune", "--seed-everything", "; here that is --seed"},
      {"finetune", "--train-data", "; here that is --dataset"},
      {"finetune", "--val-data", "; here that is --share-val (validation rows are taken out of --dataset)"},
      {"finetune", "--col", "; here that is --input-col"},
      {"finetune", "--model", "; here that is --encoder (a pretrained encoder) or --initial-checkpoint (a trained"},
      {"finetune", "--checkpoint", "; here that is --initial-checkpoint"},
      {"finetune", "--overwrite", "; here that is --overwrite-prepared (prepares the data again"},
      {"finetune", "--top-k", "; it is one of evaluate, predict"},
      {"finetune", "-o", "; here that is --save-path"},
      {"finetune", "--sep", "; here that is --dataset (no flag is needed: the end of its name says the separator"},
      {"finetune", "--within_block_sep", "; here that is --use-within-block-sep"},
      {"finetune", "--encoding",
       "; here that is --dataset (no flag is needed: files are UTF-8; others become so by icon"},
      {"finetune", "--json", "; it is one of inspect"},
      {"finetune", "--compare", "; it is one of replay"},
      {"train_mixer", "--separator", "; here that is --train-data (no flag is needed: the end"},
      {"train_mixer", "--in",
       "; here that is --train-data or --val-data; --initial-checkpoint must be written in full"},
      {"train_mixer", "--encoder-only", "; here that is --only-encoder"},
      {"predict", "--delimiter", "; here that is --fn-in (no flag is needed: the end"},
      {"predict", "--encoding", "; here that is --fn-in (no flag is needed: files are UTF-8"},
      {"evaluate", "--sep", "; here that is --val-data (no flag is needed: the end"},
      {"train_mixer", "--dataset", "; here that is --train-data"},
      {"train_mixer", "--save-path", "; here that is --save-dir"},
      {"train_mixer", "--share-val", "; it is one of finetune"},
      {"train_mixer", "--device", "; here that is --devices"},
      {"train_mixer", "--warmup-ratio", "; here that is --warmup-pct 0.05"},
      {"predict", "--input", "; here that is --fn-in"},
      {"predict", "--dataset", "; here that is --fn-in"},
      {"predict", "--val-data", "; here that is --fn-in"},
      {"predict", "--output", "; here that is --fn-out"},
      {"predict", "--save-path", "; here that is --fn-out"},
      {"predict", "--threads", "; here that is --num-threads"},
      {"predict", "--checkpoint", "; here that is --model"},
      {"predict", "--initial-checkpoint", "; here that is --model"},
      {"predict", "--workers", "; here that is --num-threads"},
      {"predict", "--input-col", "; here that is --col"},
      {"predict", "--fp16", "; here that is --precision fp16"},
      {"predict", "--use-amp", "; here that is --precision fp16"},
      {"predict", "--epochs", "; there is nothing of the kind here, --num-epochs is one of finetune, train_mixer"},
      {"predict", "--share-val", "; it is one of finetune"},
      {"evaluate", "--model", "; here that is --checkpoint"},
      {"evaluate", "--fn-in", "; here that is --val-data"},
      {"evaluate", "--output", "; here that is --fn-out"},
      {"evaluate", "--gpu", "; here that is --devices"},
  };
  for (const Case& each : cases) {
    CAPTURE(each.program, each.typed);
    const std::string message = error_in(each.program, {each.typed, "3"});
    CHECK(message.starts_with("unknown option "));
    INFO(message);
    CHECK(message.find(each.hint) != std::string::npos);
  }
}

/// `needed`: what the program must be given besides.
template <typename Program>
void check_values(const std::vector<std::string>& needed = {}) {
  for (const FlagMeaning& meaning : flag_meanings()) {
    for (const FlagOfOurs& ours : meaning.ours) {
      Program program;
      if (ours.value.empty()) continue;
      for (const Option& option : program.options.options()) {
        if (option.name() != ours.name) continue;
        CAPTURE(ours.name, ours.value);
        std::vector<std::string> arguments = needed;
        arguments.insert(arguments.end(), {option.spelling(), std::string(ours.value)});
        CHECK(program.options.parse(arguments));
      }
    }
  }
}

TEST_CASE("every flag of the table is one of a program, with a value that it takes; every word is written plainly") {
  const std::set<std::string_view> others = {"IN", "OUT", "FILE", "FOLDER", "out", "to", "encoder-only", "config"};
  for (const FlagMeaning& meaning : flag_meanings()) {
    CHECK_FALSE(meaning.ours.empty());
    for (const FlagOfOurs& ours : meaning.ours) {
      CAPTURE(ours.name);
      CHECK((others.contains(ours.name) || !programs_with(ours.name).empty()));
    }
    for (const std::string_view word : meaning.words) {
      CAPTURE(word);
      CHECK(word.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789") == std::string_view::npos);
    }
  }
  check_values<Finetune>();
  check_values<TrainMixer>();
  check_values<Predict>({"--fn-in", "in.csv", "--fn-out", "out.csv"});
}

TEST_CASE("programs without validation rows are not sent to a flag that makes them") {
  const OptionSet nothing("inspect", "", {}, OptionSet::ConfigFiles::kNo);
  CHECK(flag_hint("--test-data", nothing.options()) ==
        "; there is nothing of the kind here, --val-data is one of train_mixer, evaluate");
  CHECK(flag_hint("--sep", nothing.options()).find("--dataset") == std::string::npos);
  CHECK(flag_hint("--overwrite", nothing.options()) == "; it is one of evaluate, predict, convert, replay");
  CHECK(flag_hint("--encoder-config", nothing.options()).ends_with(", convert"));
}

TEST_CASE("a program that reads a table by another flag names this one for separators and encodings") {
  std::string path;
  OptionSet convert("convert", "", {}, OptionSet::ConfigFiles::kNo);
  convert.section("Model");
  convert.add("mapping", path, "key.csv");
  CHECK(flag_hint("--sep", convert.options()).starts_with("; here that is --mapping (no flag is needed: the end of"));
  CHECK(flag_hint("--encoding", convert.options()).starts_with("; here that is --mapping (no flag is needed: files"));
}

TEST_CASE("the flags of programs whose options are declared elsewhere are those of their help") {
  for (const std::string program : {"convert", "inspect", "replay"}) {
    const std::string help = read_file(std::filesystem::path(CANINE_SOURCE) / "tests/app/help" / (program + ".txt"));
    size_t found = 0;
    for (size_t at = help.find("\n  --"); at != std::string::npos; at = help.find("\n  --", at + 1)) {
      const std::string name = help.substr(at + 5, help.find_first_of(" \n", at + 5) - at - 5);
      if (name == "help" || name == "version") continue;
      CAPTURE(program, name);
      ++found;
      const std::vector<std::string> programs = programs_with(name);
      CHECK(std::ranges::find(programs, program) != programs.end());
    }
    CHECK(found > 0);
  }
}

TEST_CASE("an abbreviation is one of the Python program's flags, never of ours") {
  Finetune warmup;
  CHECK(warmup.options.parse({"--warmup", "0.5"}));
  CHECK(warmup.values.train.warmup_pct == 0.5);
  CHECK_FALSE(warmup.values.train.warmup_steps);
  CHECK(error_of<Finetune>({"--overwrite"}).starts_with("unknown option --overwrite; "));
  CHECK(error_of<Finetune>({"--padd", "mask"}) == "unknown option --padd; did you mean --padding, written in full?");
  CHECK(error_of<Finetune>({"--encoder-c", "x"}) ==
        "unknown option --encoder-c; did you mean --encoder-config, written in full?");
  CHECK(error_of<Predict>({"--keep", "x"}) == "unknown option --keep; here that is --keep-cols");
}

TEST_CASE("an abbreviation never picks a rarer flag than the one that is meant") {
  CHECK(error_of<Finetune>({"--input", "x.csv"}) ==
        "unknown option --input; here that is --dataset; --input-col must be written in full");
  CHECK(error_of<Finetune>({"--wandb"}).starts_with("unknown option --wandb; here that is --log-wandb"));
  Finetune meant;
  CHECK(meant.options.parse({"--input-c", "x"}));
  CHECK(meant.values.data.input_col == "x");
}

TEST_CASE("the flags that may be abbreviated in finetune are the Python program's") {
  const std::set<std::string> python = {"help",
                                        "save-path",
                                        "save-interval",
                                        "dataset",
                                        "input-col",
                                        "target-cols",
                                        "language",
                                        "language-col",
                                        "distributed",
                                        "local-rank",
                                        "world-size",
                                        "block-size",
                                        "share-val",
                                        "use-within-block-sep",
                                        "drop-bad-labels",
                                        "allow-codes-shorter-than-block-size",
                                        "log-interval",
                                        "eval-interval",
                                        "log-wandb",
                                        "wandb-project-name",
                                        "num-epochs",
                                        "batch-size",
                                        "num-workers",
                                        "prefetch-factor",
                                        "pin-memory",
                                        "persistent-workers",
                                        "learning-rate",
                                        "seq2seq-weight",
                                        "warmup-pct",
                                        "initial-checkpoint",
                                        "only-encoder",
                                        "freeze-encoder",
                                        "use-amp",
                                        "prepare-only"};
  std::set<std::string> found;
  const Finetune finetune;
  for (const Option& option : finetune.options.options()) {
    if (!option.is_addition()) found.insert(option.name());
  }
  CHECK(found == python);
}

TEST_CASE("keys of configuration files get the same hints") {
  Finetune finetune;
  CHECK(flag_hint("epochs", finetune.options.options(), Spelling::kKey) == "; here that is 'num_epochs'");
  CHECK(flag_hint("fp16", finetune.options.options(), Spelling::kKey) == "; here that is 'precision': fp16");
  CHECK(flag_hint("bach_size", finetune.options.options(), Spelling::kKey) == "; did you mean 'batch_size'?");
  CHECK(flag_hint("config_file", finetune.options.options(), Spelling::kKey) == "; here that is 'encoder_config'");
  CHECK(flag_hint("qqqqqqqqqq", finetune.options.options(), Spelling::kKey).empty());
}

TEST_CASE("nearest words") {
  CHECK(nearest("bach-size", {"dataset", "batch-size"}) == "batch-size");
  CHECK(nearest("qqqqqqq", {"dataset", "batch-size"}).empty());
  CHECK(nearest("seeds", {"seed", "speed"}) == "seed");
  CHECK(nearest("too", {"col", "to"}) == "to");
  CHECK(nearest("xx", {"to", "col"}).empty());
}

}  // namespace
}  // namespace canine
