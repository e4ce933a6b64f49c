#include "description_rows.hpp"

#include <algorithm>
#include <tuple>

#include "canine/core/log.hpp"
#include "canine/data/columns.hpp"
#include "canine/text/text_content.hpp"
#include "canine/text/tokenizer.hpp"

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
    : task_(task),
      stream_(task.input, read_options(task)),
      cache_(task.cache_bytes, bytes_per_text(task)),
      languages_(task.known_languages) {}

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
  const bool as_it_stood = task_.columns.text_as_it_stood;
  if (as_it_stood) row.written = description;
  if (is_empty(description)) return row;
  prefix_.assign(language_of(at)).append(kLanguageSeparator);
  text_ = description;
  task_.cleaning.apply(text_, TextUse::kPrediction);
  if (content_of(text_) == TextContent::kNothing) return row;
  count_cut(at);
  text_.insert(0, prefix_);
  std::tie(row.text, row.fresh) = cache_.find(text_, prefix_.size());
  if (!as_it_stood) row.written = text_;
  return row;
}

std::string_view DescriptionRows::language_of(int64_t row) {
  if (task_.language_col.empty()) return task_.language;
  const std::string_view language = until_nul(table_.column(task_.language_col).text(row));
  if (is_empty(language)) return kUnknownLanguage;
  const KnownLanguages::Meant& meant = languages_.add(language);
  const bool unknown = meant.match == LanguageMatch::kUnknown || meant.match == LanguageMatch::kOtherSpelling;
  if (unknown && !unknown_language_told_) {
    unknown_language_told_ = true;
    log_note("{}: the model has not seen the language of this row; such rows are counted at the end",
             table_.where(row));
  }
  return meant.language;
}

void DescriptionRows::count_cut(int64_t row) {
  const int64_t before = cut_texts_.cut;
  cut_texts_.add(prefix_, text_, task_.batches.max_len);
  if (before > 0 || cut_texts_.cut == 0) return;
  log_warning(
      "{}: this description has {} characters with language and marks, and is cut at --max-len {}; such rows are "
      "counted at the end",
      table_.where(row), cut_texts_.longest, task_.batches.max_len);
}

std::optional<std::string> DescriptionRows::language_note() const {
  return languages_.note("--language-col " + task_.language_col);
}

int64_t DescriptionRows::estimated_rows() const {
  const double share = stream_.share_read();
  return share > 0 ? static_cast<int64_t>(static_cast<double>(stream_.num_rows()) / share) : 0;
}

}  // namespace canine
