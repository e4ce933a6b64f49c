#include "canine/table/table_writer.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/core/output_path.hpp"
#include "canine/core/python_float.hpp"
#include "canine/core/sha256.hpp"
#include "canine/core/utf8.hpp"
#include "canine/table/csv_writer.hpp"
#include "canine/table/table_format.hpp"
#include "canine/table/table_stream.hpp"
#include "output_file.hpp"
#include "partial_file.hpp"
#include "writer_progress.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

fs::path with_suffix(fs::path path, const char* suffix) { return path += suffix; }
fs::path partial_path(const fs::path& path) { return with_suffix(path, ".partial"); }
fs::path progress_path(const fs::path& path) { return with_suffix(path, ".progress"); }

bool is_there(const fs::path& path) {
  std::error_code none;
  return fs::exists(path, none);
}

/// Also a link that leads to nothing.
bool is_taken(const fs::path& path) {
  std::error_code none;
  return fs::exists(fs::symlink_status(path, none));
}

UsageError in_the_way(const fs::path& file, const fs::path& path) {
  return UsageError(
      "{} is not from this program, and rows are kept in a file of this name until {} is whole; move it away, or give "
      "another name",
      file.string(), path.string());
}

/// What stands under the names of partial and progress file must be ours, or it is not touched.
void require_own_remains(const fs::path& path) {
  const fs::path partial = partial_path(path);
  const fs::path progress = progress_path(path);
  std::error_code none;
  const bool is_file = fs::is_regular_file(fs::symlink_status(partial, none));
  if (is_taken(progress) && !WriterProgress::is_one(progress)) throw in_the_way(progress, path);
  if (!is_taken(partial) || (is_file && fs::file_size(partial, none) == 0)) return;
  if (!is_file || !is_taken(progress)) throw in_the_way(partial, path);
  try {
    if (!WriterProgress::read(progress).belongs_to(partial)) throw in_the_way(partial, path);
  } catch (const DataError&) {  // begins as ours and is damaged: whoever goes on is told
  }
}

void check_columns(const std::vector<OutputColumn>& columns) {
  for (size_t i = 0; i < columns.size(); ++i) {
    const std::span before(columns.data(), i);
    if (columns[i].name.empty() || std::ranges::count(before, columns[i].name, &OutputColumn::name) > 0) {
      throw InternalError("column {} of an output file is called '{}'; expected distinct names", i, columns[i].name);
    }
  }
  if (columns.empty()) throw InternalError("expected columns for an output file, got none");
}

void remove_file(const fs::path& path) {
  std::error_code error;
  fs::remove(path, error);
  if (error) throw IoError("cannot remove {}: {}", path.string(), error.message());
}

/// What the partial file holds for a cell.
std::string text_of(const OutputColumn& column, const OutputCell& cell) {
  if (std::holds_alternative<std::monostate>(cell)) return {};
  if ((column.type == OutputColumn::Type::kNumber) != std::holds_alternative<float>(cell)) {
    throw InternalError("column {}: the cell is of the other type", column.name);
  }
  if (const float* number = std::get_if<float>(&cell)) return std::isnan(*number) ? "" : numpy_float32(*number);
  const auto text = std::get<std::string_view>(cell);
  if (find_invalid_utf8(text) != std::string_view::npos) {
    throw InternalError("column {}: the text is not UTF-8: {}", column.name, text);
  }
  return std::string(text.substr(0, text.find('\0')));
}

std::unique_ptr<OutputFile> make_file(const fs::path& path, const std::vector<OutputColumn>& columns) {
  const TableFormat format = table_format(path).value_or(TableFormat());
  std::unique_ptr<ByteSink> sink = make_sink(path);
  if (format.gzip) sink = make_gzip_sink(std::move(sink));
  if (format.parquet) return make_parquet_file(std::move(sink), columns, path);
  return make_csv_file(std::move(sink), columns, format.separator);
}

}  // namespace

TableWriter::TableWriter(Options options) : options_(std::move(options)) {
  check_columns(options_.columns);
  header_ = csv_header(options_.columns);
  is_stream_ = named_descriptor(options_.path).has_value();
  if (is_stream_) {
    make_sink(options_.path);  // throws before the work is done
    partial_ = std::make_unique<PartialFile>();
    partial_->append(header_);
    return;
  }
  regular_output(options_.path);  // throws before the work is done
  require_own_remains(options_.path);
  partial_ = std::make_unique<PartialFile>(partial_path(options_.path));
  require_own_remains(options_.path);  // once more, now that nobody else writes them
  if (options_.resume && is_there(progress_path(options_.path))) {
    go_on();
  } else {
    start_anew();
  }
}

TableWriter::~TableWriter() {
  if (!partial_ || resumable_ || is_stream_) return;
  std::error_code ignored;
  fs::remove(partial_->path(), ignored);
  fs::remove(progress_path(options_.path), ignored);
}

const fs::path& TableWriter::partial_file() const { return partial_->path(); }

/// The progress file comes before there is anything in the partial one, so that it is known for ours.
void TableWriter::start_anew() {
  partial_->cut(0);
  note_progress();
  partial_->append(header_);
}

void TableWriter::note_progress() const {
  const WriterProgress progress{num_rows_, partial_->size(), settings_text(options_.settings),
                                state_,    header_.size(),   sha256_of(header_)};
  progress.write(progress_path(options_.path));
}

void TableWriter::go_on() {
  const WriterProgress progress = WriterProgress::read(progress_path(options_.path));
  const std::string name = partial_->path().string();
  if (progress.rows == 0) return start_anew();
  if (const auto other = differences(parse_settings(progress.settings), options_.settings); !other.empty()) {
    throw UsageError(
        "{}: the interrupted run had other settings, so its rows cannot be continued. Give the same, or start anew\n"
        "  {}",
        name, fmt::join(other, "\n  "));
  }
  if (partial_->size() < progress.bytes) {
    throw DataError("{}: expected at least {} bytes of the interrupted run, found {}. Start anew", name, progress.bytes,
                    partial_->size());
  }
  std::string start(std::min<uint64_t>(header_.size(), progress.bytes), '\0');
  RandomAccessFile(partial_->path()).read(0, std::as_writable_bytes(std::span(start)));
  if (start != header_) {
    throw UsageError("{}: the interrupted run wrote other columns. Start anew\n  then: {}\n  now:  {}", name,
                     start.substr(0, start.find('\n')), header_.substr(0, header_.size() - 1));
  }
  partial_->cut(progress.bytes);
  num_rows_ = progress.rows;
  resumable_ = true;
  state_ = progress.state;
}

void TableWriter::row(std::span<const OutputCell> cells) {
  constexpr size_t kPendingBytes = size_t{1} << 20;
  const auto& columns = options_.columns;
  if (cells.size() != columns.size()) {
    throw InternalError("{}: expected a row of {} cells, got {}", options_.path.string(), columns.size(), cells.size());
  }
  std::vector<std::string> texts;
  texts.reserve(cells.size());
  for (size_t i = 0; i < cells.size(); ++i) texts.push_back(text_of(columns[i], cells[i]));
  CsvWriter(pending_).row(std::vector<std::string_view>(texts.begin(), texts.end()));
  ++num_rows_;
  if (pending_.size() >= kPendingBytes) {
    partial_->append(pending_);
    pending_.clear();
  }
}

void TableWriter::checkpoint(std::string_view state) {
  partial_->append(pending_);
  pending_.clear();
  if (is_stream_) return;
  partial_->sync();
  state_ = state;
  note_progress();
  resumable_ = true;
}

void TableWriter::finish(std::span<const std::string> dropped) {
  checkpoint(state_);
  std::vector<OutputColumn> kept;
  ReadOptions read;
  read.keep_lines = false;
  read.show_progress = false;
  read.warn = false;  // of our own rows
  for (const OutputColumn& column : options_.columns) {
    if (std::ranges::find(dropped, column.name) != dropped.end()) continue;
    kept.push_back(column);
    read.columns.push_back(column.name);
  }
  if (kept.size() + dropped.size() != options_.columns.size()) {
    throw InternalError("{}: expected names of columns to leave out", options_.path.string());
  }
  read.raw_columns = read.columns;
  constexpr int64_t kRowsAtOnce = int64_t{1} << 17;  // also the rows of a row group
  TableStream rows(partial_->path(), read);
  const std::unique_ptr<OutputFile> file = make_file(options_.path, kept);
  for (Table table = rows.next(kRowsAtOnce); table.num_rows > 0; table = rows.next(kRowsAtOnce)) file->append(table);
  if (rows.num_rows() != num_rows_) {
    throw IoError("{}: expected the {} rows written, found {}. Was the file changed?", partial_->name(), num_rows_,
                  rows.num_rows());
  }
  file->commit();
  if (is_stream_) return;
  // In this order: while the partial file is there, a run that is resumed does this once more, with the same bytes.
  remove_file(partial_->path());
  remove_file(progress_path(options_.path));
}

OutputState output_state(const fs::path& path) {
  require_own_remains(path);
  bool has_rows = false;
  try {
    has_rows = is_there(progress_path(path)) && WriterProgress::read(progress_path(path)).rows > 0;
  } catch (const DataError&) {
    has_rows = true;  // how many is what nobody knows
  }
  if (has_rows && is_there(partial_path(path))) return OutputState::kInterrupted;
  return is_there(path) ? OutputState::kComplete : OutputState::kNothing;
}

}  // namespace canine
