#include "canine/core/file.hpp"
#include "canine/table/csv_writer.hpp"
#include "output_file.hpp"

namespace canine {
namespace {

class CsvFile : public OutputFile {
 public:
  CsvFile(const std::filesystem::path& path, const std::vector<OutputColumn>& columns) : file_(path) {
    file_.write(csv_header(columns));
  }

  void append(const Table& table) override {
    std::string text;
    CsvWriter writer(text);
    std::vector<std::string_view> cells(table.columns.size());
    for (int64_t row = 0; row < table.num_rows; ++row) {
      for (size_t i = 0; i < cells.size(); ++i) cells[i] = table.columns[i].text(row);
      writer.row(cells);
    }
    file_.write(text);
  }

  void commit() override { file_.commit(); }

 private:
  AtomicFile file_;
};

}  // namespace

std::string csv_header(const std::vector<OutputColumn>& columns) {
  std::vector<std::string_view> names;
  for (const OutputColumn& column : columns) names.push_back(column.name);
  std::string header;
  CsvWriter(header).row(names);
  return header;
}

std::unique_ptr<OutputFile> make_csv_file(const std::filesystem::path& path, const std::vector<OutputColumn>& columns) {
  return std::make_unique<CsvFile>(path, columns);
}

}  // namespace canine
