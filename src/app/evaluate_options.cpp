#include <algorithm>

#include "canine/app/evaluate.hpp"
#include "canine/app/evaluation_summary.hpp"
#include "canine/app/input_files.hpp"
#include "canine/app/shared_options.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/log.hpp"
#include "canine/core/utf8.hpp"
#include "canine/data/columns.hpp"
#include "canine/table/column_hints.hpp"
#include "canine/table/table.hpp"

namespace canine {
namespace {

constexpr double kSecondsForABatch = 3600;  // 2048 rows of a full-size model on a slow CPU, with room to spare

void add_data_options(OptionSet& options, EvaluateOptions& values) {
  options.section("Data and results");
  options
      .add("val-data", values.val_data,
           "labelled CSV and Parquet files with columns of descriptions, languages and codes, one after the other; "
           "patterns such as 'val*.csv' are expanded")
      .takes("FILE");
  options.add("input-col", values.input_col, "column of the descriptions").takes("COLUMN").addition();
  options.add("language", values.language, "language of all rows, instead of a column").takes("LANGUAGE").addition();
  options
      .add("language-col", values.language_col,
           "column of the rows' languages; not given = lang; without such a column the model's own language if it has "
           "seen one only, else unk")
      .takes("COLUMN")
      .addition();
  options
      .add("fn-out", values.fn_out,
           "file for one line per row, in the rows' order: text, codes, predictions, probabilities; by the end of its "
           "name .csv, .tsv, .csv.gz, .tsv.gz or .parquet; - writes CSV to the standard output, and messages to stderr")
      .takes("FILE");
  options.add("summary", values.summary, "file for all metrics; JSON or CSV, by the end of its name, JSON to - as well")
      .takes("FILE");
  options.add("overwrite", values.overwrite, "replace --fn-out and --summary if they are there").addition();
  options
      .add("top-k", values.top_k,
           "likeliest classes of the flat head that are written per row and counted in top-k accuracy")
      .at_least(1);
  options.add("target-col-naming", values.target_col_naming, column_naming_words(),
              "columns of the codes: hisco for code1 ... code5, occ1950 for OCC1950_1, OCC1950_2; not given = those of "
              "the model");
}

void check_language(const EvaluateOptions& values) {
  if (!values.language) return;
  if (!values.language_col.empty()) {
    throw UsageError("--language and --language-col exclude each other; give one of them");
  }
  if (find_invalid_utf8(*values.language) != std::string_view::npos) throw UsageError("--language: this is not UTF-8");
}

/// Whether no flag says what languages the rows have, and no file has the usual column of them, nor one that may be
/// meant for it (another case, a blank, a folder called lang=da).
bool names_no_language(const EvaluateOptions& values) {
  if (values.language || !values.language_col.empty()) return false;
  return std::ranges::none_of(values.files, [](const std::filesystem::path& file) {
    const std::vector<std::string> present = read_column_names(file);
    return std::ranges::find(present, kLanguageColumn) != present.end() ||
           !absent_column_hint(file, present, {std::string(kLanguageColumn)}).empty();
  });
}

}  // namespace

EvaluateOptions::EvaluateOptions() {
  model.flag = "checkpoint";
  model.overrides.usual_cleaning = TextCleaning::none();
  launch.timeout_step = kSecondsForABatch;
}

Dataset::Options EvaluateOptions::columns() const {
  Dataset::Options columns;
  columns.text_col = input_col;
  columns.language = language;
  if (!language_col.empty()) columns.language_col = language_col;
  return columns;
}

void require_evaluated_columns(const EvaluateOptions& values, const std::vector<std::string>& target_cols) {
  const Dataset::Options columns = values.columns();
  require_separate_columns(target_cols, columns.text_col, columns.language ? "" : columns.language_col);
  for (const std::filesystem::path& file : values.files) {
    const std::vector<std::string> present = read_column_names(file);
    const auto require = [&](const std::string& name, const char* what, const char* flags) {
      if (std::ranges::find(present, name) != present.end()) return;
      throw UsageError("--val-data {}: there is no column '{}' of {}; {}. Its columns are {}{}", file.string(), name,
                       what, flags, list_of_names(present), absent_column_hint(file, present, {name}));
    };
    require(columns.text_col, "descriptions", "name it with --input-col");
    if (!columns.language && !values.names_no_language)
      require(columns.language_col, "languages", "name it with --language-col, or give --language");
    for (const std::string& name : target_cols) require(name, "codes", "name those of the codes with --target-cols");
  }
}

void check_evaluated_files(EvaluateOptions& values) {
  values.names_no_language = names_no_language(values);
  require_evaluated_columns(values, values.model.overrides.target_cols);
}

std::vector<NamedFile> EvaluateOptions::outputs() const { return {{"fn-out", fn_out}, {"summary", summary}}; }

OptionSet evaluate_option_set() {
  return OptionSet("evaluate", "compares a model's predictions with the codes of labelled rows",
                   {{"evaluate --checkpoint MODEL --val-data FILE... [--fn-out FILE] [--summary FILE]",
                     "MODEL: folder of a run, checkpoint, exported folder, Hub name"},
                    {"evaluate ... --mapping key.csv --target-cols COLUMN... --block-size N",
                     "checkpoint of the Python program with codes of any system"},
                    {"evaluate ... --formatter hisco", "the same with HISCO classes in code1 ... code5"}});
}

void declare_evaluate_options(OptionSet& options, EvaluateOptions& values) {
  add_data_options(options, values);
  add_model_source_options(options, values.model);
  options.section("Machine");
  options
      .add("batch-size", values.batch_size,
           "rows at a time of each process; a batch of 2048 needs several GB with a model of full size, smaller ones "
           "are as good")
      .at_least(1);
  add_precision_option(options, values.precision);
  add_device_options(options, values.machine);
  options.add("num-workers", values.num_workers, "threads that make batches ahead; 0 = batches are made when needed")
      .between(0, 4096);
  options.add("pin-memory", values.pin_memory, "batches in page-locked memory; always so with a GPU");
  options.section("Several processes");
  add_process_options(options, values.launch);
  options.set_python_flags({"help", "val-data", "checkpoint", "fn-out", "target-col-naming", "batch-size",
                            "num-workers", "pin-memory", "max-len", "formatter", "mapping", "target-cols", "block-size",
                            "use-within-block-sep"});
}

void check_evaluate_options(EvaluateOptions& values) {
  if (values.val_data.empty()) {
    throw UsageError("--val-data is missing: give one or more labelled files ('evaluate --help' shows all flags)");
  }
  check_language(values);
  check_model_source(values.model);
  if (!values.summary.empty()) check_summary_name(values.summary);
  if (values.fn_out.empty() && values.summary.empty()) {
    log_note("neither --fn-out nor --summary is given, so results are on the console only");
  }
  values.files = find_input_files("val-data", values.val_data);
  std::vector<NamedFile> inputs = input_files(values.model);
  for (const std::filesystem::path& file : values.files) inputs.push_back({"val-data", file});
  check_output_files(values.outputs(), inputs, Streams::kTaken);
  check_table_name({"fn-out", values.fn_out});
}

}  // namespace canine
