#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "canine/data/batch.hpp"
#include "canine/data/code_system.hpp"
#include "canine/data/columns.hpp"
#include "canine/data/languages.hpp"
#include "canine/table/table.hpp"
#include "canine/text/augmentation.hpp"
#include "canine/text/formatter.hpp"
#include "canine/text/text_cleaning.hpp"

namespace canine {

/// Labelled rows in memory: the text, a language number, one code number per label column. No objects per row.
/// Immutable after loading; threads may share one.
class Dataset {
 public:
  struct Options {
    std::vector<std::filesystem::path> files;  ///< CSV or Parquet, concatenated in this order
    std::shared_ptr<const CodeSystem> system;  ///< label columns, label sequences, flat classes
    int num_threads = 0;                       ///< for the checks; 0 = one per available processor
    std::string text_col = std::string(kTextColumn);
    std::string language_col = std::string(kLanguageColumn);
    std::optional<std::string> language = {};  ///< of all rows, instead of a column
    bool keep_unknown_codes = false;           ///< rows whose codes a model cannot write stay, without labels
    bool tell_oddities = true;                 ///< false where somebody has told of them before; never by others than
                                               ///< the first process of a job (core/log.hpp)
    std::string unknown_code_advice = {};      ///< what users do about a code without class; a part of the message
  };

  /// Reads descriptions, languages and label columns, and checks every row once: it must encode, and every code must
  /// have a class. Rows for which that does not hold are refused, or kept with a warning that counts them. Warnings
  /// count rows without a language, which is read as "unk", and tell_oddities those with what is usually a mistake: no
  /// description, a code behind an empty column, codes that have lost their form (src/data/code_forms.hpp). Throws
  /// UsageError (options), DataError naming file, line and column of the first faulty rows of a file, or if no row of
  /// any file has known codes, IoError.
  explicit Dataset(const Options& options);

  int64_t size() const { return texts_.size(); }
  const CodeSystem& system() const { return *system_; }
  const Formatter& formatter() const { return *system_->formatter(); }
  int64_t num_classes() const { return system_->num_classes(); }

  /// Description as it is in the file: "NA" and empty texts are texts here.
  std::string_view text(int64_t row) const { return texts_.text(row); }
  std::string_view language(int64_t row) const { return languages_[language_of_row_[static_cast<size_t>(row)]]; }

  /// The languages and how many rows have them, most rows first.
  std::vector<LanguageRows> languages() const;

  /// Gives each row the language that its own means to a model that knows `known`. Returns what must be said of it in
  /// one line (LanguageTally::note; `where` = what the data is). Before anything else is done with the rows.
  std::optional<std::string> mend_languages(const KnownLanguages& known, const std::string& where);

  /// False for a kept row with a code that the model does not have, more codes than it writes, or none.
  bool has_labels(int64_t row) const {
    return without_labels_.empty() || without_labels_[static_cast<size_t>(row)] == 0;
  }
  int64_t num_without_labels() const;

  /// A code of a row as people write it, and its class, -1 = none.
  struct Code {
    std::string text;
    int64_t index = -1;
  };
  /// Codes of a row's cells before the first missing one, also of rows without labels.
  std::vector<Code> codes_of(int64_t row) const;

  /// Writes the L label indices and sets the positive entries of `flat` (zeroed by the caller, C entries). For a row
  /// without labels these are nothing but padding.
  void labels(int64_t row, std::span<int64_t> sequence, std::span<float> flat) const;

  /// Distinct words of all texts, for word insertion.
  std::shared_ptr<const WordSource> word_source() const;

  /// SHA-256 over texts, languages and labels in order.
  std::string fingerprint() const;

 private:
  class Interner;
  using Cells = std::vector<std::optional<std::string_view>>;

  void append_file(const std::filesystem::path& path, const Options& options, Interner& languages, Interner& codes);
  void append_languages(const Table& table, const Options& options, Interner& languages);
  void assign_classes();
  void check_rows(const Table& table, int64_t first_row, const Options& options);
  void tell_of_descriptions(const Options& options) const;
  std::optional<std::string> fault_of(int64_t row, const Options& options, Cells& cells,
                                      std::vector<int64_t>& sequence) const;
  void cells_of(int64_t row, Cells& cells) const;

  std::shared_ptr<const CodeSystem> system_;
  size_t num_columns_ = 0;
  StringColumn texts_;
  std::deque<std::string> languages_;  // distinct
  std::vector<uint16_t> language_of_row_;
  std::deque<std::string> codes_;        // distinct texts of label cells
  std::vector<int64_t> class_of_code_;   // -1 = none
  std::vector<uint32_t> code_of_cell_;   // rows x columns, row-major; kMissingCell = missing
  std::vector<uint8_t> without_labels_;  // 1 for such rows; empty if there can be none
};

/// How rows become a batch.
struct CollateOptions {
  int64_t max_len = 128;  ///< T of the reference padding; longest input kept
  Padding padding = Padding::kReference;
  TextCleaning cleaning = {};
  bool pin_memory = false;
};

/// The batch of some rows of `data`. `augmentation` null = nothing is changed at random, and texts are cleaned as for
/// prediction (validation); otherwise each row draws from Philox(seed, epoch, row), and is cleaned after that. Where
/// there is no GPU `pin_memory` has no effect. Threads may call it at the same time.
Batch collate(const Dataset& data, std::span<const int64_t> rows, const CollateOptions& options,
              const Augmentation* augmentation = nullptr, uint64_t seed = 0, uint64_t epoch = 0);

}  // namespace canine
