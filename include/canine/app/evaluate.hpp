#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "canine/app/device.hpp"
#include "canine/app/job.hpp"
#include "canine/app/model_source.hpp"
#include "canine/app/option_set.hpp"
#include "canine/app/output_files.hpp"
#include "canine/data/columns.hpp"
#include "canine/data/dataset.hpp"
#include "canine/decode/flat.hpp"
#include "canine/text/make_formatter.hpp"
#include "canine/train/options.hpp"

namespace canine {

/// Everything that an evaluation is told. Defaults are the Python program's.
struct EvaluateOptions {
  EvaluateOptions();

  ModelSource model;
  std::vector<std::string> val_data;                 ///< names or glob patterns, concatenated in this order
  std::string input_col = std::string(kTextColumn);  ///< column of the descriptions
  std::optional<std::string> language;               ///< of all rows, instead of a column
  std::string language_col;                          ///< empty = "lang", if there is no language
  std::optional<FormatterKind> target_col_naming;    ///< whose usual columns are read; none = those of the model
  std::filesystem::path fn_out;                      ///< rows (table/table_format.hpp); empty = none
  std::filesystem::path summary;                     ///< metrics, .json or .csv; empty = none
  bool overwrite = false;                            ///< the two above may be replaced
  int64_t top_k = kFlatTopK;                         ///< likeliest classes of the flat head
  int64_t batch_size = 2048;                         ///< rows at a time of each process
  int num_workers = 0;
  bool pin_memory = false;  ///< always so with a GPU
  Precision precision = Precision::kFp32;
  MachineSettings machine;
  LaunchSettings launch;

  std::vector<std::filesystem::path> files;  ///< of val_data, by check_evaluate_options
  bool names_no_language = false;            ///< neither flags nor files do, by check_evaluated_files

  std::vector<NamedFile> outputs() const;
  /// Where descriptions and languages stand; the rest is left to the caller.
  Dataset::Options columns() const;
};

/// Name, purpose and usage of evaluate, still without its flags.
OptionSet evaluate_option_set();

/// Declares the flags of evaluate, bound to `values`, which must outlive `options`.
void declare_evaluate_options(OptionSet& options, EvaluateOptions& values);

/// Checks what one flag's range cannot say: flags that are needed, files that must be there; finds the files. Throws
/// UsageError.
void check_evaluate_options(EvaluateOptions& values);

/// Throws UsageError naming flag, file and its columns unless all files have the columns of descriptions, languages and
/// codes; `target_cols` empty = the latter are not known yet.
void require_evaluated_columns(const EvaluateOptions& values, const std::vector<std::string>& target_cols);

/// The same by flags alone, before the model is known; also finds out whether anything names the rows' languages.
void check_evaluated_files(EvaluateOptions& values);

/// The program evaluate: reads the arguments (without the program's name) and runs.
int evaluate_main(const std::vector<std::string>& arguments);

}  // namespace canine
