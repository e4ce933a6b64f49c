#include "canine/app/input_columns.hpp"

#include "canine/data/columns.hpp"
#include "canine/table/table_stream.hpp"

namespace canine {

void require_columns(std::span<const std::filesystem::path> files, const std::vector<std::string>& columns) {
  for (const std::filesystem::path& file : files) {
    ReadOptions read;
    read.columns = columns;
    TableStream stream(file, read);  // opening it finds the columns
  }
}

void require_rows(std::span<const std::filesystem::path> files, const std::string& column) {
  for (const std::filesystem::path& file : files) {
    ReadOptions read;
    read.columns = {column};
    read.show_progress = false;
    read.warn = false;
    TableStream(file, read).skip_rest();
  }
}

std::vector<std::string> labelled_columns(const std::vector<std::string>& target_cols) {
  std::vector<std::string> columns = {std::string(kTextColumn), std::string(kLanguageColumn)};
  columns.insert(columns.end(), target_cols.begin(), target_cols.end());
  return columns;
}

}  // namespace canine
