#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "canine/data/dataset.hpp"
#include "canine/objective/code_metrics.hpp"
#include "canine/objective/metrics.hpp"
#include "canine/table/table_writer.hpp"
#include "canine/train/evaluation.hpp"

namespace canine {

/// What becomes of evaluated rows, batch after batch: lines of the output file and metrics of each language.
///
/// Columns as the Python program's evaluation writes them, for k likeliest classes and label sequences of L positions:
///   input, label, pred_s2s    language[SEP]text; codes joined with '&', those of the labels (as the file has them
///   where
///                             the model lacks some) and those decoded
///   pred_linear_0 ... k-1     codes of the likeliest classes, empty for the class of missing cells
///   prob_s2s_0 ... L-1        probability of each decoded token
///   prob_linear_0 ... k-1     probabilities of the likeliest classes
class EvaluationRows {
 public:
  /// `path` (CSV, or Parquet where it ends in .parquet) empty = no file. What an interrupted run left of one is
  /// replaced. `data` must outlive it. Throws CannotWriteError.
  EvaluationRows(const Dataset& data, int64_t top_k, const std::filesystem::path& path);

  void add(const EvaluatedBatch& batch);

  /// Completes the file.
  void finish();

  int64_t top_k() const { return top_k_; }
  int64_t unknown_rows() const { return data_.num_without_labels(); }

  /// By language of the rows.
  const std::map<std::string, CodeMetrics>& metrics() const { return metrics_; }
  const std::map<std::string, HitCounts>& teacher_forced() const { return teacher_forced_; }

 private:
  /// One row in all its forms.
  struct Row {
    std::string input, label, predicted;
    std::vector<std::string> likeliest;  ///< codes
  };

  void count(int64_t row, const Row& texts, std::span<const int64_t> likeliest);
  void write(const Row& texts, std::span<const float> token_probabilities, std::span<const float> class_probabilities);

  const Dataset& data_;
  int64_t top_k_;
  std::optional<TableWriter> file_;
  std::map<std::string, CodeMetrics> metrics_;
  std::map<std::string, HitCounts> teacher_forced_;
};

}  // namespace canine
