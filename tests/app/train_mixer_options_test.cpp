#include "canine/app/train_mixer.hpp"

#include <catch2/catch_test_macros.hpp>
#include <set>
#include <sstream>

#include "app/captured.hpp"
#include "app/files.hpp"
#include "canine/app/finetune.hpp"
#include "test_paths.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

struct TrainMixer {
  TrainMixerOptions values;
  OptionSet options = train_mixer_option_set();

  TrainMixer() { declare_train_mixer_options(options, values); }
};

/// A folder with files that the arguments can name.
struct Files : Folder {
  const std::string columns = "occ1,lang,code1,code2,code3,code4,code5,OCC1950_1,OCC1950_2,a,b\n";
  const std::string train = write("train.csv", columns).string();
  const std::string val = write("val.csv", columns).string();
  const std::string out = (path() / "out").string();

  /// Message of the error that the arguments lead to behind good ones, "" if they are good.
  std::string error_with(std::vector<std::string> more, std::string* notes = nullptr, MixerData* data = nullptr) const {
    std::vector<std::string> arguments = {"--train-data", train, "--val-data", val, "--save-dir", out};
    arguments.insert(arguments.end(), more.begin(), more.end());
    std::string message;
    const std::string text = captured(2, [&] {
      message = usage_error([&] {
        TrainMixer program;
        program.options.parse(arguments);
        check_train_mixer_options(program.options, program.values);
        if (data != nullptr) *data = program.values.data;
      });
    });
    if (notes != nullptr) *notes = text;
    return message;
  }

  MixerData data_with(const std::vector<std::string>& more) const {
    MixerData data;
    CHECK(error_with(more, nullptr, &data).empty());
    return data;
  }
};

const std::vector<std::string> kHiscoColumns = {"code1", "code2", "code3", "code4", "code5"};
const std::vector<std::string> kOcc1950Columns = {"OCC1950_1", "OCC1950_2"};

TEST_CASE("train_mixer --help is the stored text") {
  // After a wanted change: build/bin/train_mixer --help > tests/app/help/train_mixer.txt
  const std::string text = TrainMixer().options.help_text();
  CHECK(text + "\n" == read_file(fs::path(CANINE_SOURCE) / "tests/app/help/train_mixer.txt"));
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    CAPTURE(line);
    CHECK(line.size() <= 100);
  }
}

TEST_CASE("defaults of train_mixer are the Python program's") {
  const TrainMixer program;
  const TrainMixerOptions& values = program.values;
  CHECK(values.train.save_path.empty());
  CHECK(values.train.num_epochs == 50);
  CHECK(values.train.batch_size == 512);
  CHECK(values.train.seq2seq_weight == 0.5);
  CHECK(values.train.save_interval == 5000);
  CHECK(values.train.learning_rate == 2e-5);
  CHECK(values.train.warmup_pct == 0.05);
  CHECK(values.train.log_interval == 100);
  CHECK(values.train.eval_interval == 1000);
  CHECK(values.train.max_len == 128);
  CHECK(values.train.remainder == DistributedSampler::Remainder::kPad);
  CHECK(values.model.dropout == 0);
  CHECK_FALSE(values.model.decoder_dim_feedforward.has_value());
  CHECK(values.data.formatter == FormatterKind::kHisco);
  CHECK(values.data.target_col_naming == FormatterKind::kHisco);
  CHECK(values.data.block_size == 5);
  CHECK(values.augmentation.options.augmentation_prob == 0.3);
  CHECK(values.augmentation.options.num_transformations == 3);
  CHECK(values.augmentation.options.unknown_language_prob == 0.25);
  CHECK(values.wandb.project_name == "histco-v2-mixer");
  CHECK(values.launch.local_rank == -1);
}

TEST_CASE("numbers have the ranges that they have in finetune") {
  FinetuneOptions finetune_values;
  OptionSet finetune = finetune_option_set();
  declare_finetune_options(finetune, finetune_values);
  const TrainMixer program;
  for (const Option& option : program.options.options()) {
    if (option.kind() != Option::Kind::kInteger && option.kind() != Option::Kind::kNumber) continue;
    CAPTURE(option.name());
    CHECK(option.expected() == finetune.at(option.name()).expected());
  }
}

TEST_CASE("abbreviations mean what they mean in the Python program") {
  const auto name_of_flag = [](const std::string& given, const std::string& value) {
    TrainMixer program;
    program.options.parse({given, value});
    for (const Option& option : program.options.options()) {
      if (option.origin() == Origin::kCommandLine) return option.name();
    }
    return std::string("none");
  };
  CHECK(name_of_flag("--max", "64") == "max-len");         // not --max-nonfinite-steps
  CHECK(name_of_flag("--warmup", "0.1") == "warmup-pct");  // not --warmup-steps
  CHECK(name_of_flag("--learn", "0.1") == "learning-rate");
  CHECK(name_of_flag("--deco", "9") == "decoder-dim-feedforward");
  CHECK(name_of_flag("--drop", "0.1") == "dropout");
  CHECK(usage_error([&] { name_of_flag("--save", "x"); }).starts_with("--save is ambiguous"));
}

TEST_CASE("an args.yaml of Python's train_mixer is a configuration") {
  const Folder folder;
  const fs::path file =
      folder.write("args.yaml",
                   "augmentation_prob: 0.2\nbatch_size: 64\nblock_size: 5\ndecoder_dim_feedforward: null\n"
                   "distributed: false\ndropout: 0.1\neval_interval: 1000\nfn_word_freq: null\nformatter: occ1950\n"
                   "initial_checkpoint: null\nlearning_rate: 2.0e-05\nlocal_rank: -1\nlog_interval: 100\n"
                   "log_wandb: false\nmax_len: 128\nnum_epochs: 50\nnum_transformations: 3\nnum_workers: 0\n"
                   "only_encoder: false\npin_memory: true\nsave_dir: out\nsave_each_epoch: true\nsave_interval: 5000\n"
                   "seq2seq_weight: 0.5\ntarget_col_naming: hisco\ntarget_cols: null\ntrain_data:\n- a.csv\n- b.csv\n"
                   "unk_lang_prob: 0.25\nuse_within_block_sep: false\nval_data:\n- c.csv\n"
                   "wandb_project_name: histco-v2-mixer\nwarmup_pct: 0.05\nworld_size: 1\n");
  TrainMixer program;
  const std::string notes = captured(2, [&] { program.options.read_config(file); });
  CHECK(notes.empty());
  CHECK(program.values.train.save_path == "out");
  CHECK(program.values.train.batch_size == 64);
  CHECK(program.values.train.save_each_epoch);
  CHECK(program.values.model.dropout == 0.1);
  CHECK(program.values.data.train_data == std::vector<std::string>{"a.csv", "b.csv"});
  CHECK(program.values.data.formatter == FormatterKind::kOcc1950);
  CHECK_FALSE(program.options.given("target-col-naming"));

  TrainMixer again;
  again.options.read_config(folder.write("again.yaml", program.options.args_yaml()));
  CHECK(again.options.args_yaml() == program.options.args_yaml());
  std::set<std::string> keys;
  std::istringstream lines(program.options.args_yaml());
  for (std::string line; std::getline(lines, line);) keys.insert(line.substr(0, line.find(':')));
  std::istringstream python(read_file(file));
  for (std::string line; std::getline(python, line);) {
    CAPTURE(line);
    CHECK((line.starts_with("- ") || keys.contains(line.substr(0, line.find(':')))));
  }
}

TEST_CASE("all that is missing is named at once") {
  const auto error = [](const std::vector<std::string>& arguments) {
    TrainMixer program;
    program.options.parse(arguments);
    return usage_error([&] { check_train_mixer_options(program.options, program.values); });
  };
  CHECK(error({}).starts_with("--train-data FILE..., --val-data FILE..., --save-dir FOLDER are missing: "));
  CHECK(error({"--train-data", "a", "--val-data", "b"}).starts_with("--save-dir FOLDER is missing: "));
}

TEST_CASE("columns and formatter") {
  const Files files;
  CHECK(files.data_with({}).codes.target_cols == kHiscoColumns);
  CHECK(files.data_with({}).codes.formatter.kind == FormatterKind::kHisco);
  CHECK(files.data_with({"--formatter", "occ1950"}).codes.target_cols == kOcc1950Columns);
  CHECK(files.data_with({"--formatter", "occ1950", "--target-col-naming", "occ1950"}).codes.target_cols ==
        kOcc1950Columns);
  CHECK(
      files.error_with({"--formatter", "occ1950", "--target-col-naming", "hisco"}) ==
      "--formatter occ1950 has room for 2 codes a row, --target-col-naming hisco reads 5 columns (code1, code2, code3, "
      "code4, code5); leave --target-col-naming out, or give --target-col-naming occ1950");
  CHECK(files.error_with({"--target-col-naming", "isco"}).starts_with("--target-col-naming: expected "));

  std::string notes;
  MixerData data;
  CHECK(files.error_with({"--target-col-naming", "occ1950"}, &notes, &data).empty());
  CHECK(data.codes.formatter.kind == FormatterKind::kHisco);
  CHECK(data.codes.target_cols == kOcc1950Columns);
  CHECK(notes.starts_with("note: --target-col-naming occ1950 with --formatter hisco: the cells of OCC1950_1"));

  data =
      files.data_with({"--formatter", "gpf", "--target-cols", "a", "b", "--block-size", "7", "--use-within-block-sep"});
  CHECK(data.codes.formatter == FormatterOptions{FormatterKind::kGeneral, 2, 7, true});
  CHECK(data.codes.target_cols == std::vector<std::string>{"a", "b"});
}

TEST_CASE("what gpf needs and refuses") {
  const Files files;
  const auto error = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"--formatter", "gpf"});
    return files.error_with(more);
  };
  CHECK(error({}).starts_with("--formatter gpf needs --target-cols: "));
  CHECK(error({"--target-cols", "a", "b", "--block-size", "64"}).starts_with("--block-size 64 with 2 target columns"));
  CHECK(error({"--target-cols", "a", "a"}) == "the label column a is named twice");
  CHECK(error({"--target-cols", "lang"}) == "the label column lang is the column of languages");
  CHECK(error({"--target-cols", "a", "occ1"}) == "the label column occ1 is the column of descriptions");
}

TEST_CASE("flags without effect are named") {
  const Files files;
  const auto notes = [&](const std::vector<std::string>& more) {
    std::string text;
    CHECK(files.error_with(more, &text).empty());
    return text;
  };
  CHECK(notes({}).empty());
  CHECK(notes({"--block-size", "7"}).starts_with("note: --block-size has no effect: --formatter hisco reads code1, "));
  CHECK(notes({"--use-within-block-sep"}).starts_with("note: --use-within-block-sep has no effect: "));
  CHECK(notes({"--target-cols", "a"}).starts_with("note: --target-cols has no effect: "));
  CHECK(notes({"--formatter", "gpf", "--target-cols", "a", "--target-col-naming", "occ1950"})
            .starts_with("note: --target-col-naming has no effect: "));
  CHECK(notes({"--save-each-epoch", "--save-interval", "3"}).starts_with("note: --save-interval has no effect"));
}

TEST_CASE("the files of patterns, in order") {
  const Files files;
  files.write("parts/train_b.csv", files.columns);
  files.write("parts/train_a.csv", files.columns);
  const std::string pattern = (files.path() / "parts/train_*").string();
  const MixerData data = files.data_with({"--train-data", files.train, pattern, "--val-data", files.val});
  CHECK(data.train_files ==
        std::vector<fs::path>{files.train, files.path() / "parts/train_a.csv", files.path() / "parts/train_b.csv"});
  CHECK(data.train_data == std::vector<std::string>{files.train, pattern});
  CHECK(files.error_with({"--val-data", "no*.csv"}) == "--val-data no*.csv: no file matches this pattern");
  CHECK(files.error_with({"--val-data", "absent.csv"}) == "--val-data absent.csv: there is no such file");
}

TEST_CASE("settings shared with finetune are checked here too") {
  const Files files;
  CHECK(files.error_with({"--log-wandb"}).starts_with("--log-wandb: "));
  CHECK(files.error_with({"--encoder-config", "absent.json"}) == "--encoder-config absent.json: there is no such file");
  CHECK(files.error_with({"--fn-word-freq", "absent.csv"}) == "--fn-word-freq absent.csv: there is no such file");
}

}  // namespace
}  // namespace canine
