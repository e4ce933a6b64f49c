#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "canine/table/table.hpp"
#include "canine/text/general_formatter.hpp"
#include "code_forms.hpp"

namespace canine {

/// Label columns of a source table as the Python program sees them: a cell of exactly one blank is empty, and an empty
/// cell of the first column is "?".
class LabelColumns {
 public:
  /// `table` must outlive this.
  LabelColumns(const Table& table, const std::vector<std::string>& names);

  size_t size() const { return columns_.size(); }
  const std::vector<std::string>& names() const { return names_; }

  std::optional<std::string_view> cell(int64_t row, size_t column) const;

  /// True where the Python program keeps NaN: missing in the file, not a blank, and not in the first column.
  bool is_nan(int64_t row, size_t column) const { return column > 0 && is_missing(row, column); }

 private:
  /// In Parquet files "NA" is a text, but training would take it for missing in the CSV file that it is written to.
  bool is_missing(int64_t row, size_t column) const {
    return columns_[column]->missing(row) || is_missing_text(columns_[column]->text(row));
  }

  bool is_empty(int64_t row, size_t column) const;

  std::vector<std::string> names_;
  std::vector<const StringColumn*> columns_;
};

/// Result of sending every row of a table through the formatter.
struct LabelScan {
  int64_t num_rows = 0;
  std::vector<int64_t> usable;   ///< rows that can be encoded, short ones included
  int64_t num_bad = 0;           ///< rows that cannot be encoded
  int64_t num_short = 0;         ///< usable rows with a code shorter than the block
  int64_t num_split_codes = 0;   ///< usable rows in which a '&' inside a cell makes several codes of it
  int64_t num_gaps = 0;          ///< usable rows with a code behind an empty column, which is not in the target
  int64_t num_without_code = 0;  ///< usable rows whose first column is empty, so that "?" is their first code, or "?"
  int64_t longest_code = 0;      ///< tokens of it, in all rows but those with a damaged code
  CodeForms forms{0};            ///< of all rows
  std::map<std::string, int64_t> bad_reasons;  ///< kind of fault -> rows
  std::vector<std::string> bad_examples;       ///< the first three, for messages
  std::vector<std::string> short_examples;     ///< the first three
  std::string rejected_lines;                  ///< lines of bad_rows.csv
};

/// Scans on `num_threads` threads (0 = one per available processor). Short rows count as rejected if `reject_short`.
/// From 100,000 rows on the progress is told on stdout.
LabelScan scan_labels(const Table& table, const LabelColumns& labels, const FormatterOptions& codes, bool reject_short,
                      int num_threads);

}  // namespace canine
