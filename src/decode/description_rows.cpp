#include "description_rows.hpp"

#include <algorithm>
#include <tuple>

#include "canine/data/columns.hpp"
#include "canine/text/text_content.hpp"
#include "canine/text/tokenizer.hpp"
#include "canine/text/transliteration.hpp"

namespace canine {
namespace {

ReadOptions read_options(const PredictionTask& task) {
  ReadOptions read;
  read.columns = task.columns.kept;
  for (const std::string& column : {task.text_col, task.language_col}) {
    if (!column.empty() && std::ranges::find(read.columns, column) == read.columns.end())
      read.columns.push_back(column);
  }
  read.raw_columns = read.columns;  // kept columns go on as they are
  read.show_progress = false;
  read.warn = false;  // said when the input was looked through
  return read;
}

/// Nothing that a model could code.
bool is_empty(std::string_view text) { return is_missing_text(text) || content_of(text) == TextContent::kNothing; }

/// What the output shows of a text (TableWriter).
std::string_view until_nul(std::string_view text) { return text.substr(0, text.find('\0')); }

/// About what the cache needs for a text besides its characters.
size_t bytes_per_text(const PredictionTask& task) {
  constexpr size_t kText = 200;
  constexpr size_t kCode = 36;
  return kText + kCode * static_cast<size_t>(task.columns.max_codes);
}

}  // namespace

DescriptionRows::DescriptionRows(const PredictionTask& task)
    : task_(task), stream_(task.input, read_options(task)), cache_(task.cache_bytes, bytes_per_text(task)) {}

std::optional<DescriptionRow> DescriptionRows::next() {
  constexpr int64_t kRowsAtOnce = 8192;
  if (next_row_ == table_.num_rows) {
    table_ = stream_.next(kRowsAtOnce);
    next_row_ = 0;
    if (table_.num_rows == 0) return std::nullopt;
  }
  const int64_t at = next_row_++;
  DescriptionRow row;
  for (const std::string& column : task_.columns.kept) row.kept.emplace_back(table_.column(column).text(at));
  const std::string_view description = until_nul(table_.column(task_.text_col).text(at));
  if (is_empty(description)) return row;
  text_ = language_of(at);
  text_ += kLanguageSeparator;
  const size_t prefix_size = text_.size();
  text_ += clean_description(description);
  if (content_of(std::string_view(text_).substr(prefix_size)) == TextContent::kNothing) return row;
  std::tie(row.text, row.fresh) = cache_.find(text_, prefix_size);
  return row;
}

std::string_view DescriptionRows::language_of(int64_t row) const {
  if (task_.language_col.empty()) return task_.language;
  const std::string_view language = until_nul(table_.column(task_.language_col).text(row));
  return is_empty(language) ? kUnknownLanguage : language;
}

int64_t DescriptionRows::estimated_rows() const {
  const double share = stream_.share_read();
  return share > 0 ? static_cast<int64_t>(static_cast<double>(stream_.num_rows()) / share) : 0;
}

}  // namespace canine
