#include <utility>

#include "canine/table/csv_writer.hpp"
#include "output_file.hpp"

namespace canine {
namespace {

class CsvFile : public OutputFile {
 public:
  CsvFile(std::unique_ptr<ByteSink> sink, const std::vector<OutputColumn>& columns, char separator)
      : sink_(std::move(sink)), separator_(separator) {
    sink_->write(csv_header(columns, separator));
  }

  void append(const Table& table) override {
    std::string text;
    CsvWriter writer(text, "\n", separator_);
    std::vector<std::string_view> cells(table.columns.size());
    for (int64_t row = 0; row < table.num_rows; ++row) {
      for (size_t i = 0; i < cells.size(); ++i) cells[i] = table.columns[i].text(row);
      writer.row(cells);
    }
    sink_->write(text);
  }

  void commit() override { sink_->commit(); }

 private:
  std::unique_ptr<ByteSink> sink_;
  char separator_;
};

}  // namespace

std::string csv_header(const std::vector<OutputColumn>& columns, char separator) {
  std::vector<std::string_view> names;
  for (const OutputColumn& column : columns) names.push_back(column.name);
  std::string header;
  CsvWriter(header, "\n", separator).row(names);
  return header;
}

std::unique_ptr<OutputFile> make_csv_file(std::unique_ptr<ByteSink> sink, const std::vector<OutputColumn>& columns,
                                          char separator) {
  return std::make_unique<CsvFile>(std::move(sink), columns, separator);
}

}  // namespace canine
