#include "canine/data/description_file.hpp"

#include "canine/core/log.hpp"
#include "canine/core/readable.hpp"
#include "canine/table/table_stream.hpp"

namespace canine {

namespace {

/// Of Parquet files; those of CSV files have been cut, and counted, by the reader.
int64_t cells_with_nul(const Table& table) {
  int64_t cells = 0;
  for (const StringColumn& column : table.columns) {
    for (int64_t row = 0; row < table.num_rows; ++row) {
      cells += column.text(row).find('\0') != std::string_view::npos;
    }
  }
  return cells;
}

}  // namespace

DescriptionSurvey survey_file(const std::filesystem::path& path, const std::string& text_col,
                              const std::vector<std::string>& other_cols) {
  constexpr int64_t kRowsAtOnce = 65536;
  ReadOptions read;
  read.columns = other_cols;
  read.columns.push_back(text_col);
  read.raw_columns = read.columns;
  TableStream rows(path, read);
  DescriptionSurvey survey;
  int64_t num_cut = 0;
  for (Table table = rows.next(kRowsAtOnce); table.num_rows > 0; table = rows.next(kRowsAtOnce)) {
    const StringColumn& texts = table.column(text_col);
    for (int64_t row = 0; row < table.num_rows; ++row) survey.add(texts.text(row));
    num_cut += cells_with_nul(table);
  }
  if (num_cut > 0) {
    log_note("{}: {} a NUL character; what stands behind it is left out, as readers of CSV files do", path.string(),
             num_cut == 1 ? "1 cell holds" : format_count(num_cut) + " cells hold");
  }
  return survey;
}

}  // namespace canine
