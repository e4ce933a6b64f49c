#include <arrow/array.h>
#include <arrow/io/file.h>
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

#include "canine/core/errors.hpp"
#include "canine/core/python_float.hpp"
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

/// Appends the cells of Arrow arrays to one column.
class Appender {
 public:
  Appender(std::string where, bool raw, StringColumn& column) : where_(std::move(where)), raw_(raw), column_(column) {}

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
      case arrow::Type::DICTIONARY:
        return append_dictionary(static_cast<const arrow::DictionaryArray&>(array));
      case arrow::Type::NA:
        for (int64_t i = 0; i < array.length(); ++i) append_null();
        return;
      default:
        throw DataError("{}: expected text, numbers or booleans, the column holds {}; store it as text", where_,
                        array.type()->ToString());
    }
  }

 private:
  void append_null() {
    if (raw_) {
      column_.append({});
    } else {
      column_.append_missing();
    }
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
        throw DataError("{}, row {}: expected UTF-8, the text holds other bytes", where_, column_.size() + 1);
      }
      column_.append(text);
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

  void append_dictionary(const arrow::DictionaryArray& array) {
    StringColumn values;
    Appender(where_, raw_, values).append(*array.dictionary());
    append_each(array, [&](int64_t i) {
      const int64_t index = array.GetValueIndex(i);
      if (index < 0 || index >= values.size()) {
        throw DataError("{}, row {}: the index {} is outside the dictionary of {} values", where_, column_.size() + 1,
                        index, values.size());
      }
      if (values.missing(index)) {
        append_null();
      } else {
        column_.append(values.text(index));
      }
    });
  }

  std::string where_;
  bool raw_;
  StringColumn& column_;
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

std::unique_ptr<parquet::arrow::FileReader> open_reader(const std::filesystem::path& path) {
  auto file = value_of(arrow::io::ReadableFile::Open(path.string()), path);
  return value_of(parquet::arrow::OpenFile(std::move(file), arrow::default_memory_pool()), path);
}

std::vector<std::string> names_of(const parquet::arrow::FileReader& reader) {
  std::vector<std::string> names;
  for (const auto& field : reader.manifest().schema_fields) names.push_back(field.field->name());
  return names;
}

Table read_checked(const std::filesystem::path& path, const ReadOptions& options) {
  Table table;
  table.path = path;
  const auto reader = open_reader(path);
  const auto& fields = reader->manifest().schema_fields;
  const std::vector<std::string> names = names_of(*reader);
  const std::vector<size_t> wanted = wanted_columns(path, names, options);
  std::vector<Appender> appenders;
  table.columns.resize(wanted.size());
  for (const size_t index : wanted) {
    const std::string where = fmt::format("{}, column '{}'", path.string(), names[index]);
    if (!fields[index].is_leaf()) {
      throw DataError("{}: expected text or numbers, the column holds {}", where,
                      fields[index].field->type()->ToString());
    }
    const bool raw = std::ranges::find(options.raw_columns, names[index]) != options.raw_columns.end();
    appenders.emplace_back(where, raw, table.columns[table.names.size()]);
    table.names.push_back(names[index]);
  }

  ReadProgress progress(path, options.show_progress);
  for (int group = 0; group < reader->num_row_groups(); ++group) {
    for (size_t i = 0; i < wanted.size(); ++i) {
      std::shared_ptr<arrow::ChunkedArray> cells;
      check(reader->RowGroup(group)->Column(static_cast<int>(wanted[i]))->Read(&cells), path);
      for (const auto& chunk : cells->chunks()) appenders[i].append(*chunk);
    }
    table.num_rows += reader->parquet_reader()->metadata()->RowGroup(group)->num_rows();
    progress.update(table.num_rows);
  }
  for (size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].size() != table.num_rows) {
      throw DataError("{}: column '{}' has {} values, the file says {} rows", path.string(), table.names[i],
                      table.columns[i].size(), table.num_rows);
    }
  }
  return table;
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

}  // namespace

Table read_parquet(const std::filesystem::path& path, const ReadOptions& options) {
  return guarded(path, [&] { return read_checked(path, options); });
}

std::vector<std::string> parquet_column_names(const std::filesystem::path& path) {
  return guarded(path, [&] { return names_of(*open_reader(path)); });
}

}  // namespace canine
