#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "canine/data/key.hpp"

namespace canine {

/// What shapes the prepared files of finetune.
struct PrepareOptions {
  std::filesystem::path dataset;         ///< CSV or Parquet
  std::string input_col = "occ1";        ///< column of the descriptions
  std::vector<std::string> target_cols;  ///< label columns; their number is the number of blocks
  std::string language = "unk";          ///< language of all rows; exclusive with language_col unless "unk"
  std::optional<std::string> language_col;
  int64_t block_size = 5;             ///< tokens per code
  bool use_within_block_sep = false;  ///< codes are split at ',' into tokens of several characters
  double share_val = 0.1;             ///< share of the rows for validation, in [0, 1]
  bool drop_bad_labels = false;
  bool allow_codes_shorter_than_block_size = false;
  bool overwrite_prepared = false;  ///< prepare again even if prepared files made otherwise are there
  int num_threads = 0;              ///< 0 = one per available processor

  /// Throws UsageError naming the flag, the value and the fix.
  void validate() const;
};

struct PreparedData {
  std::filesystem::path train;  ///< data_train.csv
  std::filesystem::path val;    ///< data_val.csv
  LabelKey key;
  int64_t num_train = 0;  ///< rows; -1 = reused files, not counted
  int64_t num_val = 0;
  bool reused = false;
  std::string fingerprint;  ///< SHA-256 over the three files' hashes; equal data, equal fingerprint
};

/// Called with the codes before any prepared file is written, to refuse them by an exception.
using KeyCheck = std::function<void(const LabelKey&)>;

/// Makes data_train.csv, data_val.csv and key.csv in `folder` (which exists), byte for byte as the Python program does,
/// together with prepared.json (hash of the source, options that shaped them, hashes of the files), all atomically.
/// key.csv comes last, so there is no moment at which the three files are there without their prepared.json. Files that
/// are there already are reused when prepared.json agrees with the options; otherwise a UsageError says what differs
/// and how to go on. The three files without prepared.json (made by the Python program) are accepted with a note; one
/// or two of them are somebody's own and replaced only with overwrite_prepared. Rejected rows are listed in
/// bad_rows.csv (line, column, code, reason). Throws UsageError (options, missing columns), DataError (rows that cannot
/// be used), IoError.
PreparedData prepare(const PrepareOptions& options, const std::filesystem::path& folder, const KeyCheck& check = {});

/// The files that another process of the job has just prepared in `folder`; writes nothing. Throws UsageError if they
/// are not there (a folder that not all hosts share) or were made otherwise.
PreparedData open_prepared(const PrepareOptions& options, const std::filesystem::path& folder);

}  // namespace canine
