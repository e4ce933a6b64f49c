#include "canine/data/key.hpp"

#include <fmt/ranges.h>

#include <array>
#include <charconv>
#include <utility>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/core/log.hpp"
#include "canine/core/readable.hpp"
#include "canine/table/csv_writer.hpp"
#include "canine/table/table.hpp"

namespace canine {
namespace {

constexpr std::string_view kCodeColumn = "system_code";
constexpr std::string_view kIndexColumn = "code";

std::optional<int64_t> whole_number(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

void add_codes(const std::filesystem::path& path, const std::vector<std::string>& target_cols, LabelKey& key) {
  ReadOptions options;
  options.columns = target_cols;
  options.keep_lines = false;
  options.warn = false;  // the data set, which reads the file again, does
  const Table table = read_table(path, options);
  for (int64_t row = 0; row < table.num_rows; ++row) {
    for (const StringColumn& column : table.columns) {
      if (column.missing(row) || is_missing_text(column.text(row))) break;  // the latter in Parquet files
      key.add(column.text(row));
    }
  }
}

}  // namespace

int64_t LabelKey::add(std::optional<std::string_view> code) {
  const int64_t known = code ? find(*code) : missing_index_;
  if (known >= 0) return known;
  const int64_t index = size();
  if (code) {
    codes_.emplace_back(*code);
    index_.emplace(*code, index);
  } else {
    codes_.emplace_back(std::nullopt);
    missing_index_ = index;
  }
  return index;
}

int64_t LabelKey::find(std::string_view code) const {
  const auto found = index_.find(code);
  return found == index_.end() ? -1 : found->second;
}

std::string LabelKey::to_csv() const {
  std::string text;
  CsvWriter writer(text);
  writer.row(std::array{kCodeColumn, kIndexColumn});
  for (int64_t index = 0; index < size(); ++index) {
    const std::string number = std::to_string(index);
    writer.row(std::array<std::optional<std::string_view>, 2>{code(index), number});
  }
  return text;
}

void LabelKey::write(const std::filesystem::path& path) const { write_file(path, to_csv()); }

LabelKey LabelKey::read(const std::filesystem::path& path) {
  ReadOptions options;
  options.columns = {std::string(kCodeColumn), std::string(kIndexColumn)};
  const Table table = read_table(path, options);
  const StringColumn& codes = table.column(kCodeColumn);
  const StringColumn& numbers = table.column(kIndexColumn);
  LabelKey key;
  for (int64_t row = 0; row < table.num_rows; ++row) {
    if (whole_number(numbers.text(row)) != row) {
      throw DataError("{}, column {}: expected {} (the codes are numbered 0, 1, 2 ...), got '{}'", table.where(row),
                      kIndexColumn, row, numbers.text(row));
    }
    if (key.add(codes.cell(row)) != row) {
      throw DataError("{}, column {}: {} is there a second time", table.where(row), kCodeColumn,
                      codes.missing(row) ? "a missing code" : fmt::format("the code '{}'", codes.text(row)));
    }
  }
  return key;
}

LabelKey collect_key(std::span<const std::filesystem::path> train, std::span<const std::filesystem::path> val,
                     const std::vector<std::string>& target_cols) {
  LabelKey key;
  for (const std::filesystem::path& path : train) add_codes(path, target_cols, key);
  const int64_t num_trained = key.size();
  for (const std::filesystem::path& path : val) add_codes(path, target_cols, key);
  if (key.size() == 0) throw DataError("no row of the data files has a code in {}", fmt::join(target_cols, ", "));
  if (key.size() > num_trained) {
    const int64_t untrained = key.size() - num_trained;
    log_warning("{} of {} {} in the validation files only: nothing trains {}", format_count(untrained),
                counted(key.size(), "code"), untrained == 1 ? "is" : "are",
                untrained == 1 ? "its class" : "their classes");
  }
  return key;
}

}  // namespace canine
