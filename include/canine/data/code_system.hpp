#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "canine/data/key.hpp"
#include "canine/text/make_formatter.hpp"

namespace canine {

/// A classification: how a row's codes become the label sequence that a model writes, and which class of the flat head
/// stands for which code. Immutable; threads may share one.
///
///   gpf      cells hold the codes themselves; classes are those of a key made from the data (key.csv)
///   hisco    cells hold class numbers 0 ... 1918; codes are "-3", "-2", "-1" and five digits ("01110")
///   occ1950  cells hold codes of up to three digits, which are the classes 0 ... 999; codes are "005"
class CodeSystem {
 public:
  struct Options {
    FormatterOptions formatter;
    std::vector<std::string> target_cols = {};  ///< label columns in order; empty = the formatter's usual ones, if any
    std::shared_ptr<const LabelKey> key = {};   ///< classes of gpf; null for the others
  };

  /// `formatter` null = the one that the options name. Throws UsageError: gpf without columns or key, more columns than
  /// the formatter has blocks, a column named twice.
  explicit CodeSystem(const Options& options, std::shared_ptr<const Formatter> formatter = nullptr);

  const Options& options() const { return options_; }
  const std::vector<std::string>& target_cols() const { return options_.target_cols; }
  const std::shared_ptr<const Formatter>& formatter() const { return formatter_; }
  const std::shared_ptr<const LabelKey>& key() const { return options_.key; }

  /// Entries C of the flat head: size of the key, 1919, 1000.
  int64_t num_classes() const { return classes_->size(); }

  /// True for cells that count as missing although the file holds a text: in Parquet files what is missing in the same
  /// CSV file ("", "NA"), a blank in occ1950 (docs/differences.md D10).
  bool is_missing(std::string_view cell) const;

  /// Class of a label cell as files hold it ("123.0" is 123 in hisco); -1 if it has none.
  int64_t class_of_cell(std::string_view cell) const;

  /// Code of a class as people write it, which is also what the formatter decodes to: "01110", "-3", "005". nullopt for
  /// the class of missing cells (docs/differences.md D15). Throws InternalError outside [0, num_classes()).
  std::optional<std::string> code(int64_t index) const;

  /// Class of a code as `code` gives it, or -1.
  int64_t find(std::string_view code) const { return classes_->find(code); }

  /// The label cell that stands for a class in files; nullopt as in `code`.
  std::optional<std::string> cell(int64_t index) const;

  /// Label columns that the Python program reads for the word of --target-col-naming: code1 ... code5 for "hisco",
  /// OCC1950_1, OCC1950_2 for "occ1950".
  static std::vector<std::string> usual_columns(FormatterKind kind);

 private:
  Options options_;
  std::shared_ptr<const Formatter> formatter_;
  std::shared_ptr<const LabelKey> classes_;  // code of each class; the key where there is one
};

}  // namespace canine
