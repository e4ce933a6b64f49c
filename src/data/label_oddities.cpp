#include "label_oddities.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include "block_size_advice.hpp"
#include "canine/core/log.hpp"
#include "canine/core/readable.hpp"
#include "canine/text/general_formatter.hpp"

namespace canine {

LabelOddities find_label_oddities(const Table& table, const CodeSystem& system) {
  std::vector<const StringColumn*> columns;
  for (const std::string& name : system.target_cols()) columns.push_back(&table.column(name));
  const FormatterOptions& formatter = system.options().formatter;
  LabelOddities oddities;
  oddities.forms = CodeForms(columns.size());
  std::vector<std::optional<std::string_view>> cells(columns.size());
  for (int64_t row = 0; row < table.num_rows; ++row) {
    bool is_changed = false;
    bool behind_gap = false;
    for (size_t i = 0; i < columns.size(); ++i) {
      cells[i] = columns[i]->cell(row);
      if (cells[i] && system.is_missing(*cells[i])) cells[i].reset();
      if (!cells[i]) continue;
      behind_gap = behind_gap || (i > 0 && !cells[i - 1]);
      const CodeForm form = form_of(*cells[i], formatter);
      is_changed = is_changed || is_damaged(form);
      oddities.forms.add(form, *cells[i], i, row);
    }
    oddities.num_gaps += behind_gap;
    oddities.num_without_code += !cells[0];
    if (is_changed) continue;
    oddities.longest_code = std::max(oddities.longest_code, longest_code(cells, formatter.use_within_block_sep));
  }
  return oddities;
}

void warn_of(const LabelOddities& oddities, const Table& table, const CodeSystem& system, LabelUse use) {
  const std::string path = table.path.string();
  const auto rows_have = [](int64_t rows) { return rows == 1 ? "1 row has" : format_count(rows) + " rows have"; };
  const bool is_general = system.options().formatter.kind == FormatterKind::kGeneral;
  if (use == LabelUse::kTraining && is_general && oddities.num_without_code > 0) {
    log_warning("{}: {} no code in column {}; the model learns to write none for such descriptions", path,
                rows_have(oddities.num_without_code), system.target_cols()[0]);
  }
  if (oddities.num_gaps > 0) {
    log_warning("{}: {} a code behind an empty label column; codes after a gap do not count", path,
                rows_have(oddities.num_gaps));
  }
  for (const std::string& finding : oddities.forms.findings(table, system.target_cols(), system.options().formatter)) {
    log_warning("{}", finding);
  }
}

std::string advice_on(const LabelOddities& oddities, const Table& table, const CodeSystem& system) {
  const FormatterOptions& formatter = system.options().formatter;
  std::string advice;
  for (const std::string& finding : oddities.forms.findings(table, system.target_cols(), formatter)) {
    advice += fmt::format("\nIn {}.", finding);
  }
  if (formatter.kind == FormatterKind::kGeneral && oddities.longest_code > formatter.block_size) {
    advice += '\n' + block_size_advice(oddities.longest_code, std::ssize(system.target_cols()), oddities.forms);
  }
  return advice;
}

}  // namespace canine
