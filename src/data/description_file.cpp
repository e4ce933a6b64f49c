#include "canine/data/description_file.hpp"

#include "canine/table/table_stream.hpp"

namespace canine {

DescriptionSurvey survey_file(const std::filesystem::path& path, const std::string& text_col,
                              const std::vector<std::string>& other_cols) {
  constexpr int64_t kRowsAtOnce = 65536;
  ReadOptions read;
  read.columns = other_cols;
  read.columns.push_back(text_col);
  read.raw_columns = read.columns;
  TableStream rows(path, read);
  DescriptionSurvey survey;
  for (Table table = rows.next(kRowsAtOnce); table.num_rows > 0; table = rows.next(kRowsAtOnce)) {
    const StringColumn& texts = table.column(text_col);
    for (int64_t row = 0; row < table.num_rows; ++row) survey.add(texts.text(row));
  }
  return survey;
}

}  // namespace canine
