#include <arrow/array.h>
#include <arrow/io/file.h>
#include <arrow/scalar.h>
#include <arrow/status.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/exception.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "canine/core/errors.hpp"
#include "canine/core/python_float.hpp"
#include "canine/core/readable.hpp"
#include "canine/core/utf8.hpp"
#include "readers.hpp"

namespace canine {
namespace {

/// Shortest digits that give the same float, as a double (which then has the same shortest digits).
double shortest(float value) {
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer - 1, value);
  *end.ptr = '\0';
  return std::strtod(buffer, nullptr);
}
double shortest(double value) { return value; }

/// Texts that were cut at a zero byte, as CSV readers do.
struct CutTexts {
  int64_t count = 0;
  int64_t first_row = 0;  ///< of the file, from 1

  void add(int64_t row) {
    first_row = count++ == 0 ? row : std::min(first_row, row);  // columns come one after the other
  }
};

/// Appends the cells of Arrow arrays to one column.
class Appender {
 public:
  /// `where` names the column in messages, `first_row` is the row of the file that the column begins with. Texts are
  /// cut at a zero byte and counted in `cut`; null = they are taken whole.
  Appender(std::string where, bool raw, int64_t first_row, StringColumn& column, CutTexts* cut)
      : where_(std::move(where)), raw_(raw), first_row_(first_row), column_(column), cut_(cut) {}

  void append(const arrow::Array& array) {
    switch (array.type_id()) {
      case arrow::Type::STRING:
        return append_texts(static_cast<const arrow::StringArray&>(array));
      case arrow::Type::LARGE_STRING:
        return append_texts(static_cast<const arrow::LargeStringArray&>(array));
      case arrow::Type::STRING_VIEW:
        return append_texts(static_cast<const arrow::StringViewArray&>(array));
      case arrow::Type::BINARY:
        return append_texts(static_cast<const arrow::BinaryArray&>(array));
      case arrow::Type::LARGE_BINARY:
        return append_texts(static_cast<const arrow::LargeBinaryArray&>(array));
      case arrow::Type::INT8:
        return append_integers(static_cast<const arrow::Int8Array&>(array));
      case arrow::Type::INT16:
        return append_integers(static_cast<const arrow::Int16Array&>(array));
      case arrow::Type::INT32:
        return append_integers(static_cast<const arrow::Int32Array&>(array));
      case arrow::Type::INT64:
        return append_integers(static_cast<const arrow::Int64Array&>(array));
      case arrow::Type::UINT8:
        return append_integers(static_cast<const arrow::UInt8Array&>(array));
      case arrow::Type::UINT16:
        return append_integers(static_cast<const arrow::UInt16Array&>(array));
      case arrow::Type::UINT32:
        return append_integers(static_cast<const arrow::UInt32Array&>(array));
      case arrow::Type::UINT64:
        return append_integers(static_cast<const arrow::UInt64Array&>(array));
      case arrow::Type::FLOAT:
        return append_floats(static_cast<const arrow::FloatArray&>(array));
      case arrow::Type::DOUBLE:
        return append_floats(static_cast<const arrow::DoubleArray&>(array));
      case arrow::Type::BOOL:
        return append_booleans(static_cast<const arrow::BooleanArray&>(array));
      case arrow::Type::DATE32:
      case arrow::Type::DATE64:
      case arrow::Type::TIME32:
      case arrow::Type::TIME64:
      case arrow::Type::TIMESTAMP:
        return append_times(array);
      case arrow::Type::DECIMAL32:
      case arrow::Type::DECIMAL64:
      case arrow::Type::DECIMAL128:
      case arrow::Type::DECIMAL256:
        return append_each(array, [&](int64_t i) { column_.append(text_of(array, i)); });
      case arrow::Type::DICTIONARY:
        return append_dictionary(static_cast<const arrow::DictionaryArray&>(array));
      case arrow::Type::NA:
        for (int64_t i = 0; i < array.length(); ++i) append_null();
        return;
      default:
        throw DataError("{}: expected text, numbers, dates or booleans, the column holds {}; store it as text", where_,
                        array.type()->ToString());
    }
  }

 private:
  /// Row of the file, counted from 1, that the next cell belongs to.
  int64_t row() const { return first_row_ + column_.size() + 1; }

  void append_null() {
    if (raw_) {
      column_.append({});
    } else {
      column_.append_missing();
    }
  }

  void append_text(std::string_view text) {
    const size_t zero = cut_ == nullptr ? std::string_view::npos : text.find('\0');
    if (zero != std::string_view::npos) cut_->add(row());
    column_.append(text.substr(0, zero));
  }

  template <typename Array, typename Function>
  void append_each(const Array& array, const Function& append_value) {
    for (int64_t i = 0; i < array.length(); ++i) {
      if (array.IsNull(i)) {
        append_null();
      } else {
        append_value(i);
      }
    }
  }

  template <typename Array>
  void append_texts(const Array& array) {
    append_each(array, [&](int64_t i) {
      const std::string_view text = array.GetView(i);
      if (find_invalid_utf8(text) != std::string_view::npos) {
        throw DataError("{}, row {}: expected UTF-8, the text holds other bytes", where_, row());
      }
      append_text(text);
    });
  }

  template <typename Array>
  void append_integers(const Array& array) {
    append_each(array, [&](int64_t i) { column_.append(fmt::format_int(array.Value(i)).c_str()); });
  }

  template <typename Array>
  void append_floats(const Array& array) {
    constexpr double kWholeBelow = 1e16;  // from there on Python writes an exponent
    append_each(array, [&](int64_t i) {
      const double value = shortest(array.Value(i));
      if (std::isnan(value)) {
        append_null();
      } else if (std::abs(value) < kWholeBelow && value == std::trunc(value)) {
        column_.append(fmt::format_int(static_cast<int64_t>(value)).c_str());
      } else {
        column_.append(python_float(value));
      }
    });
  }

  void append_booleans(const arrow::BooleanArray& array) {
    append_each(array, [&](int64_t i) { column_.append(array.Value(i) ? "True" : "False"); });
  }

  static std::string text_of(const arrow::Array& array, int64_t i) {
    return array.GetScalar(i).ValueOrDie()->ToString();
  }

  /// "2020-01-31", "2020-01-31 12:00:00": whole seconds without the zeros of the column's unit.
  void append_times(const arrow::Array& array) {
    append_each(array, [&](int64_t i) {
      std::string text = text_of(array, i);
      const size_t fraction = text.find('.');
      const size_t behind = text.find_first_not_of('0', fraction + 1);
      if (fraction != std::string::npos && (behind == std::string::npos || text[behind] < '0' || text[behind] > '9')) {
        text.erase(fraction, behind == std::string::npos ? behind : behind - fraction);
      }
      column_.append(text);
    });
  }

  void append_dictionary(const arrow::DictionaryArray& array) {
    const arrow::Array& dictionary = *array.dictionary();
    const bool decode_once = dictionary.length() <= array.length();  // it may be larger than the rows read at once
    StringColumn values;
    if (decode_once) Appender(where_, raw_, first_row_, values, nullptr).append(dictionary);
    append_each(array, [&](int64_t i) {
      const int64_t index = array.GetValueIndex(i);
      if (index < 0 || index >= dictionary.length()) {
        throw DataError("{}, row {}: the index {} is outside the dictionary of {} values", where_, row(), index,
                        dictionary.length());
      }
      if (!decode_once) {
        append(*dictionary.Slice(index, 1));
      } else if (values.missing(index)) {
        append_null();
      } else {
        append_text(values.text(index));
      }
    });
  }

  std::string where_;
  bool raw_;
  int64_t first_row_;
  StringColumn& column_;
  CutTexts* cut_;
};

void check(const arrow::Status& status, const std::filesystem::path& path) {
  if (status.ok()) return;
  if (status.IsOutOfMemory()) throw std::bad_alloc();
  throw DataError("{}: the Parquet file cannot be read: {}", path.string(), status.ToString());
}

template <typename T>
T value_of(arrow::Result<T> result, const std::filesystem::path& path) {
  check(result.status(), path);
  return std::move(result).ValueUnsafe();
}

std::unique_ptr<parquet::arrow::FileReader> open_file(const std::filesystem::path& path) {
  parquet::ReaderProperties properties(arrow::default_memory_pool());
  properties.enable_buffered_stream();  // a column of a row group is read as it is decoded, not as a whole
  properties.set_buffer_size(int64_t{1} << 20);
  parquet::arrow::FileReaderBuilder builder;
  check(builder.Open(value_of(arrow::io::ReadableFile::Open(path.string()), path), properties), path);
  // Times as Spark and Hive write them: nanoseconds in 64 bits would begin in 1677, and wrap around before.
  parquet::ArrowReaderProperties arrow_properties = parquet::default_arrow_reader_properties();
  arrow_properties.set_coerce_int96_timestamp_unit(arrow::TimeUnit::MICRO);
  builder.properties(arrow_properties);
  auto file = value_of(builder.Build(), path);
  if (file->manifest().schema_fields.empty()) throw DataError("{}: the Parquet file has no columns", path.string());
  return file;
}

std::vector<std::string> names_of(const parquet::arrow::FileReader& file) {
  std::vector<std::string> names;
  for (const auto& field : file.manifest().schema_fields) names.push_back(field.field->name());
  return names;
}

/// Runs `read`; what Parquet throws becomes a DataError.
template <typename Read>
auto guarded(const std::filesystem::path& path, const Read& read) {
  try {
    return read();
  } catch (const parquet::ParquetException& error) {
    throw DataError("{}: the Parquet file cannot be read: {}", path.string(), error.what());
  }
}

class ParquetReader : public TableReader {
 public:
  ParquetReader(const std::filesystem::path& file_path, const ReadOptions& options)
      : TableReader(file_path, options), file_(open_file(file_path)) {
    choose_columns(names_of(*file_));
    for (const WantedColumn& column : wanted()) open_column(column);
    count_rows_in_file();
  }

  int64_t skip(int64_t max_rows) override {
    const int64_t before = num_rows();
    guarded(path(), [&] {
      while (const int64_t rows = batch_size(max_rows - (num_rows() - before))) {
        for (size_t i = 0; i < columns_.size(); ++i) next_batch(i, rows);
        count_rows(rows);
      }
    });
    return num_rows() - before;
  }

  double share_read() const override {
    return rows_in_file_ == 0 ? 1 : static_cast<double>(num_rows()) / static_cast<double>(rows_in_file_);
  }

 private:
  /// Rows decoded at once: enough to forget the cost of a call, and few beside a table of many.
  int64_t batch_size(int64_t max_rows) const {
    return std::min({int64_t{1} << 16, max_rows, rows_in_file_ - num_rows()});
  }

  std::string where(const std::string& column) const { return fmt::format("{}, column '{}'", path().string(), column); }

  void open_column(const WantedColumn& column) {
    const auto& field = file_->manifest().schema_fields[column.index];
    if (!field.is_leaf()) {
      throw DataError("{}: expected text or numbers, the column holds {}", where(column.name),
                      field.field->type()->ToString());
    }
    check(file_->GetColumn(static_cast<int>(column.index), &columns_.emplace_back()), path());
  }

  void count_rows_in_file() {
    const auto metadata = file_->parquet_reader()->metadata();
    for (int group = 0; group < metadata->num_row_groups(); ++group) {
      const int64_t rows = metadata->RowGroup(group)->num_rows();
      if (rows < 0 || rows > INT64_MAX - rows_in_file_) {
        throw DataError("{}: row group {} of the Parquet file cannot have {} rows", path().string(), group, rows);
      }
      rows_in_file_ += rows;
      for (const WantedColumn& column : wanted()) {
        const int leaf = file_->manifest().schema_fields[column.index].column_index;
        const int64_t values = metadata->RowGroup(group)->ColumnChunk(leaf)->num_values();
        if (values == rows) continue;
        throw DataError("{} has {} values in row group {}, which has {} rows", where(column.name), values, group, rows);
      }
    }
  }

  /// Exactly `rows` cells of a wanted column.
  std::shared_ptr<arrow::ChunkedArray> next_batch(size_t column, int64_t rows) {
    std::shared_ptr<arrow::ChunkedArray> cells;
    check(columns_[column]->NextBatch(rows, &cells), path());
    const int64_t found = cells == nullptr ? 0 : cells->length();
    if (found != rows) {
      throw DataError("{} ends after {} values, the file says {} rows", where(names()[column]), num_rows() + found,
                      rows_in_file_);
    }
    return cells;
  }

  void append_rows(Table& table, int64_t max_rows) override {
    guarded(path(), [&] {
      std::vector<Appender> appenders;
      for (size_t i = 0; i < wanted().size(); ++i) {
        appenders.emplace_back(where(names()[i]), wanted()[i].raw, table.first_row, table.columns[i], &cut_texts_);
      }
      while (const int64_t rows = batch_size(max_rows - table.num_rows)) {
        for (size_t i = 0; i < columns_.size(); ++i) {
          for (const auto& chunk : next_batch(i, rows)->chunks()) appenders[i].append(*chunk);
        }
        table.num_rows += rows;
        count_rows(rows);
      }
    });
    if (num_rows() == rows_in_file_) tell_of_cut_texts();
  }

  void tell_of_cut_texts() {
    const int64_t count = std::exchange(cut_texts_.count, 0);
    if (options().warn) warn_of_cut_cells(path(), count, "row " + format_count(cut_texts_.first_row));
  }

  std::unique_ptr<parquet::arrow::FileReader> file_;
  std::vector<std::unique_ptr<parquet::arrow::ColumnReader>> columns_;  ///< of each wanted column
  int64_t rows_in_file_ = 0;
  CutTexts cut_texts_;
};

}  // namespace

std::unique_ptr<TableReader> make_parquet_reader(const std::filesystem::path& path, const ReadOptions& options) {
  return guarded(path, [&] { return std::make_unique<ParquetReader>(path, options); });
}

std::vector<std::string> parquet_column_names(const std::filesystem::path& path) {
  return guarded(path, [&] { return names_of(*open_file(path)); });
}

}  // namespace canine
