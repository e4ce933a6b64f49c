#include <arrow/array/builder_binary.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/io/interfaces.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <parquet/arrow/writer.h>
#include <parquet/exception.h>

#include <charconv>
#include <span>
#include <utility>

#include "canine/core/errors.hpp"
#include "output_file.hpp"

namespace canine {
namespace {

/// A ByteSink as Arrow writes to it. Our own errors pass through Arrow as they are.
class Sink : public arrow::io::OutputStream {
 public:
  explicit Sink(std::unique_ptr<ByteSink> sink) : sink_(std::move(sink)) { set_mode(arrow::io::FileMode::WRITE); }

  arrow::Status Write(const void* data, int64_t size) override {
    sink_->write(std::span(static_cast<const std::byte*>(data), static_cast<size_t>(size)));
    return arrow::Status::OK();
  }
  arrow::Result<int64_t> Tell() const override { return static_cast<int64_t>(sink_->size()); }
  arrow::Status Close() override {
    closed_ = true;
    return arrow::Status::OK();
  }
  bool closed() const override { return closed_; }

  void commit() { sink_->commit(); }

 private:
  std::unique_ptr<ByteSink> sink_;
  bool closed_ = false;
};

std::shared_ptr<arrow::Array> text_array(const StringColumn& column) {
  arrow::StringBuilder builder;
  PARQUET_THROW_NOT_OK(builder.Reserve(column.size()));
  PARQUET_THROW_NOT_OK(builder.ReserveData(column.num_bytes()));
  for (int64_t row = 0; row < column.size(); ++row) {
    const std::string_view text = column.text(row);
    if (text.empty()) {
      builder.UnsafeAppendNull();
    } else {
      builder.UnsafeAppend(text);
    }
  }
  return builder.Finish().ValueOrDie();
}

std::shared_ptr<arrow::Array> number_array(const Table& table, const StringColumn& column) {
  arrow::FloatBuilder builder;
  PARQUET_THROW_NOT_OK(builder.Reserve(column.size()));
  for (int64_t row = 0; row < column.size(); ++row) {
    const std::string_view text = column.text(row);
    float value = 0;
    if (text.empty()) {
      builder.UnsafeAppendNull();
    } else if (std::from_chars(text.data(), text.data() + text.size(), value).ptr == text.data() + text.size()) {
      builder.UnsafeAppend(value);
    } else {
      throw DataError("{}: expected a number, found '{}'. Was the file changed?", table.where(row), text);
    }
  }
  return builder.Finish().ValueOrDie();
}

class ParquetFile : public OutputFile {
 public:
  ParquetFile(std::unique_ptr<ByteSink> sink, const std::vector<OutputColumn>& columns, std::filesystem::path path)
      : path_(std::move(path)), columns_(columns), sink_(std::make_shared<Sink>(std::move(sink))) {
    arrow::FieldVector fields;
    for (const OutputColumn& column : columns) {
      fields.push_back(
          arrow::field(column.name, column.type == OutputColumn::Type::kText ? arrow::utf8() : arrow::float32()));
    }
    schema_ = arrow::schema(fields);
    const auto properties = parquet::WriterProperties::Builder().compression(parquet::Compression::SNAPPY)->build();
    guarded([&] {
      PARQUET_ASSIGN_OR_THROW(
          writer_, parquet::arrow::FileWriter::Open(*schema_, arrow::default_memory_pool(), sink_, properties));
    });
  }

  void append(const Table& table) override {
    guarded([&] {
      arrow::ArrayVector arrays;
      for (size_t i = 0; i < columns_.size(); ++i) {
        arrays.push_back(columns_[i].type == OutputColumn::Type::kText ? text_array(table.columns[i])
                                                                       : number_array(table, table.columns[i]));
      }
      PARQUET_THROW_NOT_OK(writer_->WriteTable(*arrow::Table::Make(schema_, arrays, table.num_rows), table.num_rows));
    });
  }

  void commit() override {
    guarded([&] { PARQUET_THROW_NOT_OK(writer_->Close()); });
    sink_->commit();
  }

 private:
  template <typename Write>
  void guarded(const Write& write) {
    try {
      write();
    } catch (const parquet::ParquetException& error) {
      throw IoError("cannot write {}: {}", path_.string(), error.what());
    }
  }

  std::filesystem::path path_;
  std::vector<OutputColumn> columns_;
  std::shared_ptr<Sink> sink_;
  std::shared_ptr<arrow::Schema> schema_;
  std::unique_ptr<parquet::arrow::FileWriter> writer_;
};

}  // namespace

std::unique_ptr<OutputFile> make_parquet_file(std::unique_ptr<ByteSink> sink, const std::vector<OutputColumn>& columns,
                                              const std::filesystem::path& path) {
  return std::make_unique<ParquetFile>(std::move(sink), columns, path);
}

}  // namespace canine
