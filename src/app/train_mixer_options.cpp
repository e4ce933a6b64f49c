#include <fmt/ranges.h>

#include <filesystem>
#include <memory>
#include <system_error>

#include "canine/app/input_columns.hpp"
#include "canine/app/input_files.hpp"
#include "canine/app/run_folder_check.hpp"
#include "canine/app/train_mixer.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/log.hpp"
#include "canine/data/columns.hpp"

namespace canine {
namespace {

/// All flags that are needed and missing, in one message.
void check_required(const TrainMixerOptions& values) {
  std::vector<std::string_view> missing;
  if (values.data.train_data.empty()) missing.push_back("--train-data FILE...");
  if (values.data.val_data.empty()) missing.push_back("--val-data FILE...");
  if (values.train.save_path.empty()) missing.push_back("--save-dir FOLDER");
  if (missing.empty()) return;
  throw UsageError(
      "{} {} missing: files for training and validation, and the folder of the run, are needed ('train_mixer --help' "
      "shows all flags; 'finetune' trains on one file with codes of any system)",
      fmt::join(missing, ", "), missing.size() == 1 ? "is" : "are");
}

/// Validation on what was trained on says nothing of other texts.
void warn_of_common_files(const MixerData& data) {
  if (log_is_quiet()) return;  // the first process tells
  for (const std::filesystem::path& val : data.val_files) {
    for (const std::filesystem::path& train : data.train_files) {
      std::error_code ignored;
      if (!std::filesystem::equivalent(train, val, ignored)) continue;
      log_warning(
          "--val-data {}: this file is in --train-data too, so validation shows what the model remembers, not "
          "what it will do with new texts",
          val.string());
      break;
    }
  }
}

/// Codes of any system, in columns of any name.
CodeSystem::Options general_codes(const OptionSet& options, const MixerData& data) {
  if (data.target_cols.empty()) {
    throw UsageError("--formatter gpf needs --target-cols: the names of one or more columns of codes, in order");
  }
  const auto columns = static_cast<int64_t>(data.target_cols.size());
  check_label_positions(columns, data.block_size);
  options.note_if_ignored("target-col-naming", true, "--target-cols names the columns");
  const CodeSystem::Options codes = {
      {FormatterKind::kGeneral, columns, data.block_size, data.use_within_block_sep}, data.target_cols, nullptr};
  CodeSystem::Options checked = codes;
  checked.key = std::make_shared<const LabelKey>();  // its own is made later, from the data
  CodeSystem{checked};
  require_separate_columns(data.target_cols, kTextColumn, kLanguageColumn);
  return codes;
}

/// Codes of a system with a formatter and columns of its own. --target-col-naming chooses the columns, unless nobody
/// gave it: then they are those of the formatter.
CodeSystem::Options own_codes(const OptionSet& options, const MixerData& data) {
  const FormatterKind naming = options.given("target-col-naming") ? data.target_col_naming : data.formatter;
  CodeSystem::Options codes;
  codes.formatter.kind = data.formatter;
  codes.target_cols = CodeSystem::usual_columns(naming);
  const auto columns = static_cast<int64_t>(codes.target_cols.size());
  const BlockLayout layout = make_formatter(codes.formatter)->layout();
  if (columns > layout.num_blocks) {
    throw UsageError(
        "--formatter {} has room for {} codes a row, --target-col-naming {} reads {} columns ({}); leave "
        "--target-col-naming out, or give --target-col-naming {}",
        name_of(data.formatter), layout.num_blocks, name_of(naming), columns, fmt::join(codes.target_cols, ", "),
        name_of(data.formatter));
  }
  if (naming != data.formatter) {
    log_note("--target-col-naming {} with --formatter {}: the cells of {} are read as {} does, as class numbers",
             name_of(naming), name_of(data.formatter), fmt::join(codes.target_cols, ", "), name_of(data.formatter));
  }
  for (const char* flag : {"target-cols", "block-size", "use-within-block-sep"}) {
    options.note_if_ignored(
        flag, true,
        fmt::format("--formatter {} reads {} and writes blocks of {}; it is for --formatter gpf",
                    name_of(data.formatter), fmt::join(codes.target_cols, ", "), layout.block_size));
  }
  return codes;
}

}  // namespace

TrainMixerOptions::TrainMixerOptions() {
  train.save_path.clear();
  train.num_epochs = 50;
  train.batch_size = 512;
  train.seq2seq_weight = 0.5;
  train.save_interval = 5000;
  train.remainder = DistributedSampler::Remainder::kPad;
}

OptionSet train_mixer_option_set() {
  return OptionSet("train_mixer", "trains a CANINE mixer on files that are ready for training",
                   {{"train_mixer --train-data FILE... --val-data FILE... --save-dir FOLDER [options]",
                     "HISCO classes in the columns code1 ... code5"},
                    {"train_mixer ... --formatter occ1950", "OCC1950 codes in OCC1950_1, OCC1950_2"},
                    {"train_mixer ... --formatter gpf --target-cols COLUMN...", "codes of any system"}},
                   OptionSet::ConfigFiles::kArgsYaml);
}

void declare_train_mixer_options(OptionSet& options, TrainMixerOptions& values) {
  MixerData& data = values.data;
  options.section("Data");
  options
      .add("train-data", data.train_data,
           "CSV and Parquet files for training, with columns occ1, lang and the codes, one after the other; patterns "
           "such as 'train*.csv' are expanded")
      .takes("FILE");
  options.add("val-data", data.val_data, "files for validation, likewise").takes("FILE");
  options.add(
      "formatter", data.formatter, formatter_words(),
      "how codes are written: hisco (cells are class numbers 0 to 1918), occ1950 (three digits), gpf (any codes)");
  options.add("target-col-naming", data.target_col_naming, column_naming_words(),
              "columns of the codes: hisco for code1 ... code5, occ1950 for OCC1950_1, OCC1950_2; not given = those of "
              "--formatter");
  add_code_options(options, {data.target_cols, data.block_size, data.use_within_block_sep}, "with --formatter gpf: ");
  add_training_settings(options, values,
                        {"save-dir",
                         "folder for checkpoints and logs, made if it is not there; a run goes on where it "
                         "was"});
  options.set_python_flags({"help",
                            "train-data",
                            "val-data",
                            "target-col-naming",
                            "formatter",
                            "target-cols",
                            "block-size",
                            "use-within-block-sep",
                            "save-dir",
                            "save-interval",
                            "save-each-epoch",
                            "initial-checkpoint",
                            "only-encoder",
                            "distributed",
                            "local-rank",
                            "world-size",
                            "log-interval",
                            "eval-interval",
                            "log-wandb",
                            "wandb-project-name",
                            "num-epochs",
                            "batch-size",
                            "num-workers",
                            "pin-memory",
                            "learning-rate",
                            "warmup-pct",
                            "dropout",
                            "max-len",
                            "seq2seq-weight",
                            "fn-word-freq",
                            "augmentation-prob",
                            "num-transformations",
                            "unk-lang-prob",
                            "decoder-dim-feedforward"});
  options.pass_over_config_keys({"save_path", "dataset", "input_col", "language", "language_col", "share_val",
                                 "drop_bad_labels", "allow_codes_shorter_than_block_size", "overwrite_prepared",
                                 "prepare_only"});
}

void check_train_mixer_options(const OptionSet& options, TrainMixerOptions& values) {
  check_required(values);
  MixerData& data = values.data;
  data.codes = data.formatter == FormatterKind::kGeneral ? general_codes(options, data) : own_codes(options, data);
  data.train_files = find_input_files("train-data", data.train_data);
  data.val_files = find_input_files("val-data", data.val_data);
  const std::vector<std::string> columns = labelled_columns(data.codes.target_cols);
  require_columns(data.train_files, columns);
  require_columns(data.val_files, columns);
  warn_of_common_files(data);
  check_training_settings(options, values);
  name_ignored(options, values, /*validates=*/true);
  std::vector<NamedFile> inputs = {{"encoder-config", values.model.encoder_config},
                                   {"fn-word-freq", values.augmentation.word_frequencies}};
  for (const std::filesystem::path& file : data.train_files) inputs.push_back({"train-data", file});
  for (const std::filesystem::path& file : data.val_files) inputs.push_back({"val-data", file});
  check_run_folder(values.train.save_path, kTrainMixer, inputs);
}

}  // namespace canine
