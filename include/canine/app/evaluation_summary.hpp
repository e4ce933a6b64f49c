#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "canine/data/code_system.hpp"
#include "canine/objective/code_metrics.hpp"
#include "canine/objective/metrics.hpp"

namespace canine {

/// The outcome of an evaluation: how well a model does overall, in each language, and with each code. Shares stand as 0
/// to 1 in files and as per cent on the console. What the figures mean: objective/code_metrics.hpp (decoding),
/// objective/metrics.hpp (teacher-forced). Teacher-forced figures compare whole rows with all their codes, so no code
/// has its own; losses, which are of batches, are of all rows only. Rows with a code that the model does not have count
/// in decoding, as wrong; teacher-forced figures, for which the model is given the labels, leave them out.
struct EvaluationSummary {
  EvaluationSummary(std::shared_ptr<const CodeSystem> system, std::map<std::string, CodeMetrics> by_language,
                    int64_t k);

  std::shared_ptr<const CodeSystem> codes;
  std::map<std::string, CodeMetrics> languages;
  CodeMetrics overall;  ///< sum of the languages
  ValidationMetrics teacher_forced;
  std::map<std::string, HitCounts> teacher_forced_by_language;
  int64_t unknown_rows = 0;     ///< with codes that the model does not have, or none: wrong, and not teacher-forced
  std::string model;            ///< file of the weights
  std::optional<int64_t> step;  ///< of its training, if known
  std::vector<std::string> files;

  /// Languages by number of rows, the most first.
  std::vector<std::string> languages_by_rows() const;
};

/// Aligned tables for the console: overall and languages, the codes with most errors, teacher-forced metrics.
std::string summary_text(const EvaluationSummary& summary);

/// Everything, as one JSON object.
std::string summary_json(const EvaluationSummary& summary);

/// Everything, one line for all rows, each language and each code (column `scope`: overall, language, code).
std::string summary_csv(const EvaluationSummary& summary);

/// Throws UsageError unless the name ends in .json or .csv (in any case), or is that of an open descriptor (JSON).
void check_summary_name(const std::filesystem::path& path);

/// Writes the form that the name's end says. Throws as write_file.
void write_summary(const std::filesystem::path& path, const EvaluationSummary& summary);

}  // namespace canine
