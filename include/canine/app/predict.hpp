#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "canine/app/device.hpp"
#include "canine/app/model_source.hpp"
#include "canine/app/option_set.hpp"
#include "canine/decode/batch_width.hpp"
#include "canine/train/options.hpp"

namespace canine {

/// Everything that a prediction is told.
struct PredictOptions {
  PredictOptions();

  std::filesystem::path fn_in;
  std::string col;           ///< empty = the first column
  std::string language;      ///< empty = the usual one of the model (exchange/model_languages.hpp)
  std::string language_col;  ///< empty = one language for all rows
  std::filesystem::path fn_out;
  std::vector<std::string> keep_cols;
  std::filesystem::path descriptions;
  bool overwrite = false;
  bool resume = false;
  double checkpoint_interval = 30;  ///< seconds
  bool non_verbose = false;
  ModelSource model;
  DecodeMode mode = DecodeMode::kGreedy;
  std::optional<double> threshold;  ///< none = the usual one of each language
  int64_t top_k = 5;
  bool any_order = true;  ///< what conf means
  int64_t batch_size = 256;
  Precision precision = Precision::kFp32;
  MachineSettings machine;
  std::string launcher = "auto";  ///< "auto" (by variables), "single"
};

/// Name, purpose and usage of predict, still without its flags.
OptionSet predict_option_set();

/// Declares the flags of predict, bound to `values`, which must outlive `options`.
void declare_predict_options(OptionSet& options, PredictOptions& values);

/// Checks what one flag's range cannot say, and completes `values`: files that must or must not be there, columns that
/// the input has. Throws UsageError.
void check_predict_options(const OptionSet& options, PredictOptions& values);

/// Reads the whole input once, so that what cannot be read is found before the model is loaded, and notes what its
/// descriptions look like. Throws DataError, IoError.
void look_through_input(const PredictOptions& values);

/// Names flags that were given and do nothing in the mode, which the model may have chosen.
void note_flags_of_other_modes(const OptionSet& options, const PredictOptions& values);

/// The program predict: reads the arguments (without the program's name) and runs.
int predict_main(const std::vector<std::string>& arguments);

}  // namespace canine
