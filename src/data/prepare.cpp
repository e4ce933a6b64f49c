#include "canine/data/prepare.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <system_error>
#include <utility>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/core/log.hpp"
#include "canine/core/readable.hpp"
#include "canine/core/sha256.hpp"
#include "canine/data/columns.hpp"
#include "canine/data/preparation_check.hpp"
#include "canine/table/column_hints.hpp"
#include "canine/table/table.hpp"
#include "canine/text/make_formatter.hpp"
#include "label_scan.hpp"
#include "missing_language.hpp"
#include "prepared_files.hpp"
#include "prepared_manifest.hpp"
#include "rejected_rows.hpp"
#include "split.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

fs::path train_path(const fs::path& folder) { return folder / kTrainFile; }
fs::path val_path(const fs::path& folder) { return folder / kValFile; }
fs::path key_path(const fs::path& folder) { return folder / kKeyFile; }

std::array<fs::path, 3> prepared_files(const fs::path& folder) {
  return {train_path(folder), val_path(folder), key_path(folder)};
}

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

std::string fingerprint_of(const FileRecord& train, const FileRecord& val, const FileRecord& key) {
  return sha256_of(train.sha256 + val.sha256 + key.sha256);
}

PreparedData described(const fs::path& folder) {
  PreparedData prepared;
  prepared.train = train_path(folder);
  prepared.val = val_path(folder);
  return prepared;
}

PreparedData reuse_unrecorded(const fs::path& folder) {
  log_note(
      "{} holds prepared data without {} (made by the Python program?); it is used as it is, "
      "and whether it belongs to the dataset and options given now is not known",
      folder.string(), kManifestFile);
  PreparedData prepared = described(folder);
  prepared.key = LabelKey::read(key_path(folder));
  prepared.num_train = prepared.num_val = -1;
  const auto record = [](const fs::path& path) { return FileRecord{0, sha256_of_file(path), 0}; };
  prepared.fingerprint = fingerprint_of(record(prepared.train), record(prepared.val), record(key_path(folder)));
  prepared.reused = true;
  return prepared;
}

constexpr std::string_view kHowToGoOn =
    "To prepare the data again add --overwrite-prepared, or choose another --save-path; "
    "to use what is there give the options it was made with.";

PreparedManifest read_manifest(const fs::path& folder) {
  try {
    return PreparedManifest::read(folder / kManifestFile);
  } catch (const DataError& error) {
    throw UsageError("{}\n{}", error.what(), kHowToGoOn);
  }
}

void require_no_difference(const std::vector<std::string>& lines, const fs::path& folder) {
  if (lines.empty()) return;
  throw UsageError("{} holds prepared data that does not fit:\n  {}\n{}", folder.string(), fmt::join(lines, "\n  "),
                   kHowToGoOn);
}

PreparedData reuse(const PrepareOptions& options, const fs::path& folder) {
  if (!is_there(folder / kManifestFile)) return reuse_unrecorded(folder);
  const PreparedManifest manifest = read_manifest(folder);
  require_no_difference(differences(manifest, options, folder), folder);
  if (!options.dataset.empty() && !is_there(options.dataset)) {
    log_note("{} is not there; the data prepared from it before is used", options.dataset.string());
  }
  PreparedData prepared = described(folder);
  prepared.key = LabelKey::read(key_path(folder));
  prepared.num_train = manifest.train.num_rows;
  prepared.num_val = manifest.val.num_rows;
  prepared.fingerprint = fingerprint_of(manifest.train, manifest.val, manifest.key);
  prepared.reused = true;
  log_info("Using the data prepared in {} ({}, {}, {})", folder.string(), counted(prepared.num_train, "training row"),
           counted(prepared.num_val, "validation row"), counted(prepared.key.size(), "code"));
  return prepared;
}

void require_column(const std::vector<std::string>& present, const PrepareOptions& options, std::string_view flag,
                    const std::string& name) {
  if (std::ranges::find(present, name) != present.end()) return;
  throw UsageError("{} {}: {} has no such column; it has {}{}", flag, name, options.dataset.string(),
                   list_of_names(present), absent_column_hint(options.dataset, present, {name}));
}

/// The columns that are read, which the source must have.
std::vector<std::string> source_columns(const PrepareOptions& options) {
  const std::vector<std::string> present = read_column_names(options.dataset);
  require_column(present, options, "--input-col", options.input_col);
  std::vector<std::string> columns = {options.input_col};
  for (const std::string& name : options.target_cols) {
    require_column(present, options, "--target-cols", name);
    columns.push_back(name);
  }
  if (options.language_col) {
    require_column(present, options, "--language-col", *options.language_col);
    columns.push_back(*options.language_col);
  }
  return columns;
}

Table read_source(const PrepareOptions& options) {
  ReadOptions read;
  read.columns = source_columns(options);
  log_info("Loading data from {}", options.dataset.string());
  Table table = read_table(options.dataset, read);
  log_info("Loaded {}", counted(table.num_rows, "row"));
  if (table.num_rows == 0) throw DataError("{}: the file has no rows", options.dataset.string());
  return table;
}

/// Codes in order of first appearance, row by row and from the first column to the last.
LabelKey key_of(const LabelColumns& labels, const std::vector<int64_t>& rows) {
  LabelKey key;
  for (const int64_t row : rows) {
    for (size_t column = 0; column < labels.size(); ++column) {
      const std::optional<std::string_view> cell = labels.cell(row, column);
      if (cell || labels.is_nan(row, column)) key.add(cell);
    }
  }
  return key;
}

/// A file as it is now, to find out whether somebody wrote to it while it was being read.
class FileVersion {
 public:
  explicit FileVersion(fs::path path) : path_(std::move(path)), size_(size()), time_(time()) {}

  void require_unchanged() const {
    if (size() == size_ && time() == time_) return;
    throw DataError("{} was written to while it was being read; start again when it is complete", path_.string());
  }

 private:
  uintmax_t size() const {
    std::error_code error;
    return fs::file_size(path_, error);
  }
  fs::file_time_type time() const {
    std::error_code error;
    return fs::last_write_time(path_, error);
  }

  fs::path path_;
  uintmax_t size_;
  fs::file_time_type time_;
};

/// The source must not be a file that the preparation writes.
void require_other_file(const fs::path& dataset, const fs::path& folder) {
  for (const fs::path& file : prepared_files(folder)) {
    std::error_code ignored;
    if (!fs::equivalent(dataset, file, ignored)) continue;
    throw UsageError(
        "--dataset {}: the preparation writes a file of this name into --save-path {}, so the data would be lost; "
        "choose another --save-path",
        dataset.string(), folder.string());
  }
}

/// Some of the prepared files are there, and nothing says that this program has written them.
UsageError foreign_files(const fs::path& folder) {
  std::vector<std::string> there;
  for (const fs::path& file : prepared_files(folder)) {
    if (is_there(file)) there.push_back(file.filename().string());
  }
  return UsageError(
      "{} holds {}, but not all prepared files, and no {} that says where they are from. They would be replaced: "
      "choose another --save-path, or add --overwrite-prepared",
      folder.string(), fmt::join(there, " and "), kManifestFile);
}

PreparedData make(const PrepareOptions& options, const fs::path& folder, const KeyCheck& check) {
  if (options.dataset.empty()) {
    throw UsageError("--dataset: no data file was given, and {} holds no prepared data", folder.string());
  }
  const FileVersion source(options.dataset);
  const Table table = read_source(options);
  const LabelColumns labels(table, options.target_cols);
  const FormatterOptions codes = {.num_columns = static_cast<int64_t>(options.target_cols.size()),
                                  .block_size = options.block_size,
                                  .use_within_block_sep = options.use_within_block_sep};
  LabelScan scan = scan_labels(table, labels, codes, !options.allow_codes_shorter_than_block_size, options.num_threads);
  report_rejected(scan, scan.forms.findings(table, options.target_cols, codes), options, folder);
  if (scan.usable.empty()) {
    throw DataError("{}: no row is left after dropping those with bad labels", options.dataset.string());
  }

  PreparedData prepared = described(folder);
  prepared.key = key_of(labels, scan.usable);
  if (check) check(prepared.key);
  const Split split = split_rows(std::move(scan.usable), options.share_val);
  prepared.num_train = static_cast<int64_t>(split.train.size());
  prepared.num_val = static_cast<int64_t>(split.val.size());
  log_info("{}; {}, {} (share {})", counted(prepared.key.size(), "code"), counted(prepared.num_train, "training row"),
           counted(prepared.num_val, "validation row"), options.share_val);
  warn_about_oddities(table, options, labels, scan, split, prepared.key);

  PreparedManifest manifest;
  manifest.source_name = options.dataset.string();
  manifest.source_size = RandomAccessFile(options.dataset).size();
  manifest.source_sha256 = sha256_of_file(options.dataset);
  source.require_unchanged();
  manifest.options = shaping_options(options);
  write_file(folder / kUnfinishedFile, "", /*sync=*/false);
  remove_old_marks(folder);
  manifest.train = write_rows(prepared.train, table, labels, options, split.train);
  manifest.val = write_rows(prepared.val, table, labels, options, split.val);
  const std::string key_text = prepared.key.to_csv();
  manifest.key = {key_text.size(), sha256_of(key_text), prepared.key.size()};
  manifest.write(folder / kManifestFile);
  write_file(key_path(folder), key_text, /*sync=*/false);
  fs::remove(folder / kUnfinishedFile);
  prepared.fingerprint = fingerprint_of(manifest.train, manifest.val, manifest.key);
  log_info("Saved {}, {}, {} and {} in {}", kTrainFile, kValFile, kKeyFile, kManifestFile, folder.string());
  return prepared;
}

}  // namespace

void PrepareOptions::validate() const {
  if (input_col.empty()) throw UsageError("--input-col: expected the name of the column of descriptions");
  if (target_cols.empty()) throw UsageError("--target-cols: expected the names of one or more label columns");
  for (auto name = target_cols.begin(); name != target_cols.end(); ++name) {
    if (*name == kLanguageColumn || *name == kTextColumn || *name == input_col) {
      throw UsageError("--target-cols {}: '{}' is the {} in the prepared files; give the label column another name",
                       *name, *name, *name == kLanguageColumn ? "column of languages" : "column of descriptions");
    }
    if (std::find(target_cols.begin(), name, *name) != name) {
      throw UsageError("--target-cols {}: the column is named twice", *name);
    }
  }
  if (language_col && language != kUnknownLanguage) {
    throw UsageError("--language {} and --language-col {} exclude each other; give one of them", language,
                     *language_col);
  }
  if (says_no_language(language)) {
    throw UsageError(
        "--language '{}': this text means a missing value in data files; expected a language such as en, or unk",
        language);
  }
  if (block_size < 1) throw UsageError("--block-size {}: expected 1 or more tokens per code", block_size);
  if (!(share_val >= 0 && share_val <= 1)) throw UsageError("--share-val {}: expected a share from 0 to 1", share_val);
  if (num_threads < 0) throw UsageError("number of threads: expected 0 or more, got {}", num_threads);
}

PreparedData open_prepared(const PrepareOptions& options, const fs::path& folder) {
  for (const fs::path& file : prepared_files(folder)) {
    if (is_there(file)) continue;
    throw UsageError("{} is not there, although the first process has written it: all hosts need the same folder",
                     file.string());
  }
  return reuse(options, folder);
}

bool makes_prepared_files(const PrepareOptions& options, const fs::path& folder) {
  return options.overwrite_prepared || !std::ranges::all_of(prepared_files(folder), is_there);
}

void check_preparation(const PrepareOptions& options, const fs::path& folder) {
  options.validate();
  require_other_file(options.dataset, folder);
  if (makes_prepared_files(options, folder)) {
    if (!options.dataset.empty()) source_columns(options);
  } else if (is_there(folder / kManifestFile)) {
    require_no_difference(option_differences(read_manifest(folder), options), folder);
  }
}

PreparedData prepare(const PrepareOptions& options, const fs::path& folder, const KeyCheck& check) {
  options.validate();
  require_other_file(options.dataset, folder);
  const std::array files = prepared_files(folder);
  const auto there = std::ranges::count_if(files, is_there);
  if (options.overwrite_prepared || there == 0) return make(options, folder, check);
  if (there == std::ssize(files)) {
    PreparedData prepared = reuse(options, folder);
    if (check) check(prepared.key);
    return prepared;
  }
  if (!is_there(folder / kUnfinishedFile) && !is_there(folder / kManifestFile)) throw foreign_files(folder);
  log_note("{} holds only {} of the 3 prepared files; the data is prepared again", folder.string(), there);
  return make(options, folder, check);
}

}  // namespace canine
