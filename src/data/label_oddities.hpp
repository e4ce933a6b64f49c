#pragma once

#include <cstdint>
#include <string>

#include "canine/data/code_system.hpp"
#include "canine/table/table.hpp"
#include "code_forms.hpp"

namespace canine {

/// What is usually a mistake in the label columns of a file that is ready for training or evaluation, although its rows
/// can be used.
struct LabelOddities {
  CodeForms forms{0};
  int64_t longest_code = 0;      ///< tokens of the longest code, rows with a damaged one left out
  int64_t num_without_code = 0;  ///< rows whose first label column is empty
  int64_t num_gaps = 0;          ///< rows with a code behind an empty column, which nobody learns
};

/// Looks at the label columns of `system` in `table`.
LabelOddities find_label_oddities(const Table& table, const CodeSystem& system);

/// What rows are read for. Evaluation counts rows without codes by itself.
enum class LabelUse { kTraining, kEvaluation };

/// Warns of them.
void warn_of(const LabelOddities& oddities, const Table& table, const CodeSystem& system, LabelUse use);

/// Lines on what to do about codes that are too long or have lost their form, each with a line break before it.
std::string advice_on(const LabelOddities& oddities, const Table& table, const CodeSystem& system);

}  // namespace canine
