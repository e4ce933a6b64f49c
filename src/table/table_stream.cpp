#include "canine/table/table_stream.hpp"

#include "canine/core/errors.hpp"
#include "canine/core/readable.hpp"
#include "readers.hpp"

namespace canine {

void TableReader::choose_columns(const std::vector<std::string>& present) {
  wanted_ = wanted_columns(path_, present, options_);
  for (const WantedColumn& column : wanted_) names_.push_back(column.name);
}

Table TableReader::next(int64_t max_rows) {
  Table table;
  table.path = path_;
  table.names = names_;
  table.columns.resize(names_.size());
  table.first_row = num_rows_;
  append_rows(table, max_rows);
  return table;
}

void warn_of_cut_cells(const std::filesystem::path& path, int64_t count, const std::string& first) {
  if (count == 0 || (log_is_quiet() && !log_tag().empty())) return;
  log_warning("{}: {} {} a zero byte, where it ends; what is behind it is left out. The first is in {}", path.string(),
              counted(count, "cell"), count == 1 ? "holds" : "hold", first);
}

TableStream::TableStream(const std::filesystem::path& path, const ReadOptions& options)
    : reader_(make_reader(path, options)) {}
TableStream::~TableStream() = default;
TableStream::TableStream(TableStream&&) noexcept = default;
TableStream& TableStream::operator=(TableStream&&) noexcept = default;

const std::vector<std::string>& TableStream::names() const { return reader_->names(); }
int64_t TableStream::num_rows() const { return reader_->num_rows(); }
double TableStream::share_read() const { return reader_->share_read(); }

Table TableStream::next(int64_t max_rows) {
  if (max_rows < 1) throw InternalError("expected at least one row to read, got {}", max_rows);
  return reader_->next(max_rows);
}

void TableStream::skip_rows(int64_t num_rows) {
  const int64_t skipped = reader_->skip(num_rows);
  if (skipped < num_rows) {
    throw DataError(
        "{}: expected at least {} rows, behind which to continue, the file has {}. Is it the file of that run?",
        reader_->path().string(), reader_->num_rows() - skipped + num_rows, reader_->num_rows());
  }
}

void TableStream::skip_rest() { reader_->skip(TableReader::kAllRows); }

}  // namespace canine
