#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "canine/table/writer_settings.hpp"

namespace canine {

class PartialFile;

/// A cell to be written. Nothing, an empty text and a number that is NaN are all missing: empty in CSV, null in
/// Parquet. Texts are UTF-8 and end at a NUL, as they do for who reads the file.
using OutputCell = std::variant<std::monostate, std::string_view, float>;

struct OutputColumn {
  enum class Type {
    kText,
    kNumber,  ///< float32; in CSV the shortest text that gives the same float32, as pandas writes it
  };
  std::string name;
  Type type = Type::kText;
};

/// Writes a table that takes long to make: CSV by the rules of CsvWriter, or Parquet, as the end of the name says
/// (table/table_format.hpp). The file appears under its name whole or not at all, and a run that was killed can go on.
///
/// Rows go into `<path>.partial`, a CSV file of all columns. checkpoint() makes them durable and notes in
/// `<path>.progress` how many there are; rows behind that are cut off when a run goes on. finish() writes `path` from
/// the partial file in one pass, which leaves out columns that turned out to be of no use (so a table may start wider
/// than it ends), and removes both files. Killed at any moment and resumed, a run therefore gives the bytes of one that
/// was not. At the end there must be room for the rows twice. Memory: a MiB of rows; finish() holds 131,072 rows.
///
/// Files of these names that no TableWriter has made are left alone and refused; ours are known by their content
/// (the first line of .progress, which also knows the header of .partial). A link stays one, and its target is written.
///
/// A path that names an open descriptor ("-", core/output_path.hpp) gets the table as CSV in the end. Its rows wait in
/// a temporary file, and there is nothing to go on from.
///
/// A writer that ends without a checkpoint takes its partial file away again, since nobody could go on with it.
///
/// One process writes a file at a time (a lock on the partial file). Not thread-safe.
class TableWriter {
 public:
  struct Options {
    std::filesystem::path path;
    std::vector<OutputColumn> columns;  ///< one or more, of distinct names
    WriterSettings settings;            ///< what the rows depend on besides the input: model, options
    bool resume = false;  ///< go on behind the rows of an earlier run, if there are any; false starts anew
  };

  /// Throws CannotWriteError (a folder that cannot be written to, something that is no regular file, another process at
  /// work on the file), UsageError (files of others in the way; `resume`, but the earlier run had other settings, which
  /// are named, or columns), DataError (damaged progress or partial file).
  explicit TableWriter(Options options);
  ~TableWriter();
  TableWriter(const TableWriter&) = delete;
  TableWriter& operator=(const TableWriter&) = delete;

  /// Rows so far, those of earlier runs included: where to go on in the input.
  int64_t num_rows() const { return num_rows_; }

  /// CSV file of all columns that holds the rows so far up to the last checkpoint, and perhaps more.
  const std::filesystem::path& partial_file() const;

  /// What the last checkpoint of the earlier run was given; empty for a fresh file.
  const std::string& state() const { return state_; }

  /// Appends a row: a cell of the column's type, or nothing, for each column. Throws IoError (a full disk says so).
  void row(std::span<const OutputCell> cells);

  /// From here on the rows so far survive whatever happens. `state` is a line of what else the caller needs to go on.
  void checkpoint(std::string_view state = {});

  /// Writes the file without the columns named in `dropped`. Nothing may be called afterwards.
  void finish(std::span<const std::string> dropped = {});

 private:
  void start_anew();
  void go_on();
  void note_progress() const;

  Options options_;
  std::string header_;
  std::unique_ptr<PartialFile> partial_;
  std::string pending_;  ///< rows not yet handed to the partial file
  int64_t num_rows_ = 0;
  bool resumable_ = false;  ///< there is a checkpoint
  std::string state_;
  bool is_stream_ = false;
};

/// What an earlier run has left of an output file. Throws UsageError if files of others are in the way of a
/// TableWriter.
enum class OutputState {
  kNothing,
  kInterrupted,  ///< rows with which TableWriter can go on (the file itself may be there too, from an older run)
  kComplete,
};
OutputState output_state(const std::filesystem::path& path);

}  // namespace canine
