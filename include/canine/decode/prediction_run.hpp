#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "canine/data/cut_texts.hpp"
#include "canine/data/languages.hpp"
#include "canine/decode/prediction_columns.hpp"
#include "canine/decode/predictor_pool.hpp"
#include "canine/decode/text_batches.hpp"
#include "canine/table/writer_settings.hpp"
#include "canine/text/text_cleaning.hpp"

namespace canine {

/// A table of descriptions whose codes are to be predicted into another table.
struct PredictionTask {
  std::filesystem::path input;
  std::string text_col;
  TextCleaning cleaning;
  std::string language = "unk";                            ///< of all rows
  std::string language_col;                                ///< language of each row instead; empty = none
  KnownLanguages known_languages = KnownLanguages::any();  ///< to which those of language_col are compared
  std::filesystem::path output;                            ///< CSV, or Parquet by its name
  bool resume = false;                    ///< go on behind the rows of an interrupted run, if there is one
  WriterSettings settings;                ///< what predictions depend on besides the input (TableWriter)
  double checkpoint_interval = 30;        ///< seconds between points from which an interrupted run can go on
  size_t cache_bytes = size_t{64} << 20;  ///< for texts that may come again
  TextBatchOptions batches;
  PredictionColumns::Options columns;
};

struct PredictionProgress {
  int64_t rows = 0;           ///< written
  int64_t rows_before = 0;    ///< of them by an earlier run
  int64_t expected_rows = 0;  ///< of the whole input, estimated
};

/// How a run is watched and ended by its caller; all may be empty.
struct PredictionWatch {
  std::function<bool()> should_stop = {};
  std::function<void(const PredictionProgress&)> progress = {};  ///< whenever rows have been written
};

struct PredictionSummary {
  bool stopped = false;  ///< on request, in front of the end; the output is not there yet
  int64_t rows = 0;
  int64_t rows_before = 0;  ///< of them by an earlier run
  int64_t empty_rows = 0;   ///< without a description
  int64_t texts = 0;        ///< coded by the model in this run
  int64_t most_codes = 0;   ///< of a row
  CutTexts cut_texts;
  std::optional<std::string> language_note;  ///< about the values of language_col
};

/// Predicts codes for every row of the input, in its order.
///
/// Descriptions are cleaned; missing ones (pandas' words for it, or nothing that can be seen, before or after the
/// cleaning) get no codes. A text that comes again is coded once, as long as the cache holds it. The first text that is
/// cut at max_len, and the first language that is not known, are told at once, the count of all is in the summary.
/// Memory is that of the model, of the cache and of a few batches and the rows around them.
///
/// Rows are taken in chunks that depend on the input alone, and a run goes on at the end of a chunk, after it has read
/// what was written for the rows before. So an interrupted run, one on several devices and one in one go form the same
/// batches, and give the same bytes on equal devices. The rows that are there must be those of this input, which is
/// found out by a hash of them; behind them the input may have changed, and its name does not matter.
///
/// Throws DataError, IoError as TableStream, what TableWriter throws, DataError if an interrupted run's rows are not
/// those of this input.
PredictionSummary predict_table(const PredictionTask& task, PredictorPool& pool, const PredictionWatch& watch);

}  // namespace canine
