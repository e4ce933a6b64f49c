#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string_view>
#include <utility>

#include "canine/app/code_descriptions.hpp"
#include "canine/app/model_overrides.hpp"
#include "canine/app/output_files.hpp"
#include "canine/app/predict.hpp"
#include "canine/app/require_file.hpp"
#include "canine/app/shared_options.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/log.hpp"
#include "canine/core/output_path.hpp"
#include "canine/core/utf8.hpp"
#include "canine/data/columns.hpp"
#include "canine/data/description_file.hpp"
#include "canine/decode/prediction_columns.hpp"
#include "canine/table/column_hints.hpp"
#include "canine/table/table.hpp"
#include "canine/table/table_writer.hpp"
#include "canine/text/hisco_codes.hpp"

namespace canine {
namespace {

constexpr const char* kPublishedModel = "Christianvedel/OccCANINE_s2s_mix";

void declare_input(OptionSet& options, PredictOptions& values) {
  options.section("Input");
  options.add("fn-in", values.fn_in, "CSV or Parquet file with one description per row").takes("FILE").required();
  options
      .add("col", values.col,
           "column of the descriptions; needed unless it is the only one, or the first and called occ1")
      .takes("COLUMN");
  options
      .add("language", values.language,
           "language of all rows: en, da, ...; unk = unknown; not given = the model's own if it has seen one only, "
           "else unk; en for models of the Python program")
      .takes("LANGUAGE");
  options.add("language-col", values.language_col, "column of the rows' languages, instead of --language")
      .takes("COLUMN")
      .addition();
}

void declare_output(OptionSet& options, PredictOptions& values) {
  options.section("Output");
  options
      .add("fn-out", values.fn_out,
           "file to write, by the end of its name .csv, .tsv, .csv.gz, .tsv.gz or .parquet; - writes CSV to the "
           "standard "
           "output, and messages to stderr")
      .takes("FILE")
      .required();
  options.add("keep-cols", values.keep_cols, "columns of the input that go to the output; in Parquet they become text")
      .takes("COLUMN")
      .addition();
  options
      .add("descriptions", values.descriptions,
           "file with codes in its first column and what they mean in its second; adds the columns desc_1, ...")
      .takes("FILE")
      .addition();
  options.add("overwrite", values.overwrite, "replace --fn-out, or what an interrupted run has left of it").addition();
  options.add("resume", values.resume, "go on where an interrupted run stopped; start anew if there was none")
      .addition();
  options
      .add("checkpoint-interval", values.checkpoint_interval,
           "seconds between points from which an interrupted run can go on")
      .between(0, 24 * 3600)
      .addition();
  options.add("non-verbose", values.non_verbose, "warnings and errors only");
}

void declare_prediction(OptionSet& options, PredictOptions& values) {
  options.section("Prediction");
  options
      .add("mode", values.mode,
           {{"greedy", DecodeMode::kGreedy}, {"flat", DecodeMode::kFlat}, {"full", DecodeMode::kFull}},
           "greedy writes the likeliest codes, sign by sign; flat takes the likeliest classes of the flat head "
           "(fastest); full gives each code's probability to be the first that the decoder writes")
      .addition();
  options
      .add("threshold", values.threshold,
           "with --mode flat or full: codes must be more probable than this; not given = the usual one of the language")
      .between(0, 1);
  options.add("top-k", values.top_k, "with --mode flat or full: most codes of a row").between(1, 100000).addition();
  options
      .add("conf", values.any_order, {{"any-order", true}, {"as-written", false}},
           "what the column conf of --mode greedy holds: the probability of the codes in any order, or in the order in "
           "which they were written (faster where rows have several codes)")
      .addition();
  options.add("batch-size", values.batch_size, "descriptions that are coded together").between(1, 65536).addition();
}

void declare_machine(OptionSet& options, PredictOptions& values) {
  options.section("Machine");
  options
      .add(
          "devices", values.machine.devices,
          "auto (all GPUs, else the CPU), cpu, GPUs such as 0 or 0,2, or cpu:2 for two copies of the model on the CPU; "
          "they share the work")
      .takes("DEVICES")
      .addition();
  options
      .add("precision", values.precision,
           {{"fp32", Precision::kFp32},
            {"tf32", Precision::kTf32},
            {"bf16", Precision::kBf16},
            {"fp16", Precision::kFp16}},
           "arithmetic of the model: float32, TF32 matrix products (GPU), bfloat16, or float16 (GPU)")
      .addition();
  options
      .add("num-threads", values.machine.num_threads,
           "threads of tensor operations; 0 = OMP_NUM_THREADS, or all processors")
      .between(0, 4096)
      .addition();
  options
      .add("deterministic", values.machine.deterministic,
           "only GPU kernels that give the same bits every time (slower)")
      .addition();
  add_launcher_option(options, values.launcher);
}

/// The output must not be there, except where the flags say what to do with it.
void check_output(const PredictOptions& values) {
  if (values.overwrite && values.resume) {
    throw UsageError("--overwrite and --resume exclude each other; give one of them");
  }
  const NamedFile output = {"fn-out", values.fn_out};
  if (values.resume && named_descriptor(values.fn_out)) {
    throw UsageError("--resume: rows that went to --fn-out {} are not known here; write to a file",
                     values.fn_out.string());
  }
  std::vector<NamedFile> inputs = input_files(values.model);
  inputs.push_back({"fn-in", values.fn_in});
  inputs.push_back({"descriptions", values.descriptions});
  check_output_files({&output, 1}, inputs, Streams::kTaken);
  check_table_name(output);
  require_output_folders({&output, 1});
  if (!values.resume) {
    require_new_table(output, values.overwrite, "--resume goes on, ");
  } else {
    output_state(values.fn_out);  // throws for files of others
  }
}

/// Without --col the first column is meant if there is no other, or if it is called as prepared files call it. Any
/// other choice would code ids now and then.
std::string default_column(const PredictOptions& values, const std::vector<std::string>& names) {
  const std::string path = values.fn_in.string();
  if (const std::string hint = separator_hint(values.fn_in, names); !hint.empty()) {
    throw UsageError("--col is missing, and the names of the columns of {} are not clear: {}. {}. Or choose with --col",
                     path, list_of_names(names), hint);
  }
  if (names.front() == kTextColumn) return names.front();
  if (names.size() > 1) {
    throw UsageError("--col is missing: which column of {} holds the descriptions? Its columns are {}{}", path,
                     list_of_names(names), missing_header_hint(names));
  }
  log_warning(
      "{}: the first line, {}, is taken for the name of its column; put a line with a name in front if it is none",
      path, list_of_names(names));
  return names.front();
}

/// Finds the columns in the input.
void check_columns(PredictOptions& values) {
  const std::vector<std::string> names = read_column_names(values.fn_in);
  if (values.col.empty()) values.col = default_column(values, names);
  const auto require = [&](const char* flag, const std::string& name) {
    if (std::ranges::find(names, name) != names.end()) return;
    throw UsageError("--{} {}: {} has no such column; its columns are {}{}", flag, name, values.fn_in.string(),
                     list_of_names(names), absent_column_hint(values.fn_in, names, {name}));
  };
  require("col", values.col);
  if (!values.language_col.empty()) require("language-col", values.language_col);
  for (const std::string& name : values.keep_cols) require("keep-cols", name);
}

/// What is wrong with --keep-cols as far as it is known without the model, whose codes name columns too: that of the
/// published model is known. PredictionColumns says the rest later.
void check_kept_columns(const OptionSet& options, const PredictOptions& values) {
  for (auto name = values.keep_cols.begin(); name != values.keep_cols.end(); ++name) {
    if (std::find(values.keep_cols.begin(), name, *name) == name) continue;
    throw UsageError("--keep-cols {}: the column is named twice", *name);
  }
  const bool greedy = values.mode == DecodeMode::kGreedy;
  if (values.model.model == kPublishedModel) {
    PredictionColumns::Options published{.mode = values.mode, .kept = values.keep_cols};
    if (!greedy) published.max_codes = std::min(values.top_k, kNumHiscoCodes);
    if (!values.descriptions.empty()) published.descriptions = std::make_shared<const CodeDescriptions>();
    PredictionColumns{std::move(published)};
    return;
  }
  for (const std::string& name : values.keep_cols) {
    const bool of_text = name == kTextColumn && values.col == kTextColumn;
    const bool of_confidence = name == "conf" && greedy && options.given("mode");
    if (!of_text && !of_confidence) continue;
    throw UsageError("--keep-cols: the output would have two columns called {}; rename the column of the input", name);
  }
}

void check_language(const OptionSet& options, const PredictOptions& values) {
  if (!values.language_col.empty()) {
    if (!options.given("language")) return;
    throw UsageError("--language and --language-col exclude each other; give one of them");
  }
  if (find_invalid_utf8(values.language) != std::string_view::npos) throw UsageError("--language: this is not UTF-8");
}

}  // namespace

PredictOptions::PredictOptions() { model.model = kPublishedModel; }

OptionSet predict_option_set() {
  return OptionSet("predict", "predicts codes for descriptions with a trained model",
                   {{"predict --fn-in FILE --fn-out FILE [options]", "HISCO codes with the published model"},
                    {"predict --model FOLDER --fn-in FILE --fn-out FILE [options]", "codes with a model of your own"}});
}

void declare_predict_options(OptionSet& options, PredictOptions& values) {
  declare_input(options, values);
  declare_output(options, values);
  declare_prediction(options, values);
  add_model_source_options(options, values.model);
  declare_machine(options, values);
  options.set_python_flags({"help", "fn-in", "fn-out", "col", "language", "threshold", "non-verbose"});
}

void check_predict_options(const OptionSet& options, PredictOptions& values) {
  require_file("fn-in", values.fn_in);
  if (!values.descriptions.empty()) require_file("descriptions", values.descriptions);
  check_language(options, values);
  check_model_source(values.model);
  note_flags_of_other_formatters(options, values.model.overrides);
  check_output(values);
  check_columns(values);
  check_kept_columns(options, values);
  if (!values.descriptions.empty()) check_code_descriptions(values.descriptions);
}

void look_through_input(const PredictOptions& values) {
  std::vector<std::string> others = values.keep_cols;
  if (!values.language_col.empty()) others.push_back(values.language_col);
  survey_file(values.fn_in, values.col, others).tell("--col " + values.col);
}

void note_flags_of_other_modes(const OptionSet& options, const PredictOptions& values) {
  const bool greedy = values.mode == DecodeMode::kGreedy;
  options.note_if_ignored("threshold", greedy, "--mode greedy has no threshold; flat and full have");
  options.note_if_ignored("top-k", greedy, "--mode greedy writes as many codes as the model finds");
  options.note_if_ignored("conf", !greedy, "it belongs to --mode greedy");
}

}  // namespace canine
