#include "canine/table/table.hpp"

#include <algorithm>
#include <array>

#include "byte_source.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/table/column_hints.hpp"
#include "canine/table/file_kind.hpp"
#include "readers.hpp"
#include "separators.hpp"

namespace canine {

void StringColumn::append(std::string_view text) {
  chars_.append(text);
  offsets_.push_back(chars_.size());
  missing_.push_back(false);
}

void StringColumn::append_missing() {
  offsets_.push_back(chars_.size());
  missing_.push_back(true);
}

void StringColumn::reserve(int64_t rows, int64_t bytes) {
  chars_.reserve(static_cast<size_t>(bytes));
  offsets_.reserve(static_cast<size_t>(rows) + 1);
  missing_.reserve(static_cast<size_t>(rows));
}

bool Table::has(std::string_view name) const { return std::ranges::find(names, name) != names.end(); }

const StringColumn& Table::column(std::string_view name) const {
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) {
    throw UsageError("{}: there is no column '{}'; the columns are {}", path.string(), name, list_of_names(names));
  }
  return columns[static_cast<size_t>(found - names.begin())];
}

std::string Table::where(int64_t row) const {
  if (line_of_row.empty()) return fmt::format("{}, row {}", path.string(), first_row + row + 1);
  return fmt::format("{}, line {}", path.string(), line_of_row[static_cast<size_t>(row)]);
}

bool is_missing_text(std::string_view text) {
  static constexpr auto kMissing =
      std::to_array<std::string_view>({"#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND",
                                       "1.#QNAN", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"});
  static constexpr auto kFirstBytes = [] {
    std::array<bool, 256> table{};
    for (const std::string_view missing : kMissing) table[static_cast<unsigned char>(missing[0])] = true;
    return table;
  }();
  constexpr size_t kLongest = 8;
  if (text.empty()) return true;
  if (text.size() > kLongest || !kFirstBytes[static_cast<unsigned char>(text[0])]) return false;
  return std::ranges::find(kMissing, text) != kMissing.end();
}

std::vector<WantedColumn> wanted_columns(const std::filesystem::path& path, const std::vector<std::string>& present,
                                         const ReadOptions& options) {
  std::vector<WantedColumn> wanted;
  std::vector<std::string> absent;
  for (const std::string& name : options.columns.empty() ? present : options.columns) {
    const auto found = std::ranges::find(present, name);
    const auto index = static_cast<size_t>(found - present.begin());
    if (found == present.end()) {
      if (std::ranges::find(absent, name) == absent.end()) absent.push_back(name);
    } else if (std::ranges::find(wanted, index, &WantedColumn::index) == wanted.end()) {
      const bool raw = std::ranges::find(options.raw_columns, name) != options.raw_columns.end();
      wanted.push_back({index, name, raw});
    }
  }
  if (!absent.empty()) {
    throw DataError("{}: the column{} {} {} missing; the file has {}{}", path.string(), absent.size() == 1 ? "" : "s",
                    list_of_names(absent), absent.size() == 1 ? "is" : "are", list_of_names(present),
                    absent_column_hint(path, present, absent));
  }
  return wanted;
}

ReadProgress::ReadProgress(const std::filesystem::path& path, bool show)
    : path_(path), next_(show ? kStep : INT64_MAX) {}

void ReadProgress::report(int64_t rows) {
  log_info("{}: {},000,000 rows read", path_.string(), rows / kStep);
  next_ = (rows / kStep + 1) * kStep;
}

namespace {

FileKind kind_of(const RandomAccessFile& file) {
  std::string start(static_cast<size_t>(std::min<uint64_t>(file.size(), kFileKindBytes)), '\0');
  file.read(0, std::as_writable_bytes(std::span(start)));
  const FileKind kind = file_kind_of(start);
  // What was cut off a Parquet file, or overwritten, would be read as very odd CSV.
  const bool says_nothing = kind.form == FileKind::Form::kText || kind.form == FileKind::Form::kUnknown;
  if (says_nothing && lower_extension(file.path()) == ".parquet") {
    throw DataError(
        "{}: expected a Parquet file, as the name says, but it does not begin like one: it is none, or not whole. "
        "Make it again, or give a CSV file another name",
        file.path().string());
  }
  if (!kind.is_read()) refuse_file_kind(file.path(), kind);
  return kind;
}

std::unique_ptr<ByteSource> make_source(std::unique_ptr<RandomAccessFile> file, const FileKind& kind) {
  if (kind.form == FileKind::Form::kPacked) return make_unpacking_source(std::move(file), kind);
  return std::make_unique<FileSource>(std::move(file));
}

}  // namespace

std::unique_ptr<TableReader> make_reader(const std::filesystem::path& path, const ReadOptions& options) {
  auto file = std::make_unique<RandomAccessFile>(path);
  const FileKind kind = kind_of(*file);
  if (kind.form == FileKind::Form::kParquet) return make_parquet_reader(path, options);
  return make_csv_reader(make_source(std::move(file), kind), options);
}

Table read_table(const std::filesystem::path& path, const ReadOptions& options) {
  return make_reader(path, options)->next(TableReader::kAllRows);
}

std::vector<std::string> read_column_names(const std::filesystem::path& path) {
  auto file = std::make_unique<RandomAccessFile>(path);
  const FileKind kind = kind_of(*file);
  if (kind.form == FileKind::Form::kParquet) return parquet_column_names(path);
  return csv_column_names(*make_source(std::move(file), kind));
}

}  // namespace canine
