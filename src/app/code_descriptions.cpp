#include "canine/app/code_descriptions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "canine/core/errors.hpp"
#include "canine/core/log.hpp"
#include "canine/core/readable.hpp"
#include "canine/table/column_hints.hpp"
#include "canine/table/table.hpp"
#include "canine/text/readable_text.hpp"

namespace canine {
namespace {

/// Names of the columns of codes and descriptions.
std::pair<std::string, std::string> find_columns(const std::filesystem::path& path) {
  const std::vector<std::string> names = read_column_names(path);
  const auto has = [&](const char* name) { return std::ranges::find(names, name) != names.end(); };
  if (has("system_code") && has("desc")) return {"system_code", "desc"};
  if (names.size() < 2) {
    const std::string hint = separator_hint(path, names);
    throw DataError("{}: expected two columns, codes and their descriptions; the file has {}{}{}", path.string(),
                    list_of_names(names), hint.empty() ? "" : ". ", hint);
  }
  return {names[0], names[1]};
}

/// The code as the system writes it.
std::string spelled(std::string_view text, const CodeSystem& codes) {
  std::string code(text);
  const auto width = static_cast<size_t>(codes.formatter()->layout().block_size);
  const bool digits = std::ranges::all_of(code, [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || code.size() >= width || codes.find(code) >= 0) return code;
  std::string filled = std::string(width - code.size(), '0') + code;
  return codes.find(filled) >= 0 ? filled : code;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const size_t begin = std::min(text.find_first_not_of(kBlanks), text.size());
  return text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin);
}

/// Whether spreadsheets and pandas have written a code of the system as a number with decimals.
bool is_decimal_of_code(std::string_view text, const CodeSystem& codes) {
  if (!text.ends_with(".0") || codes.find(text) >= 0) return false;
  return codes.find(spelled(text.substr(0, text.size() - 2), codes)) >= 0;
}

void require_header(const std::filesystem::path& path, const std::string& code_column, const CodeSystem& codes) {
  const std::string_view name = trimmed(code_column);
  if (codes.find(spelled(name, codes)) < 0 && !is_decimal_of_code(name, codes)) return;
  throw DataError(
      "{}: the name of the first column, '{}', is a code of the model. Is the first line of the file a row already? A "
      "line with the names of the columns is expected in front, such as code,description",
      path.string(), readable_text(code_column));
}

/// Rows with something that a person should look at, and the first of them.
class OddRows {
 public:
  OddRows(const Table& table, bool is_warning) : table_(table), is_warning_(is_warning) {}

  void add(int64_t row) {
    if (count_++ == 0) first_ = row;
  }

  /// `what`: what is odd about one code, and about several; `advice` as sentences.
  void tell(std::string_view one, std::string_view several, const std::string& advice) const {
    if (count_ == 0) return;
    const std::string line = fmt::format("{}: {} {} (first in {}: '{}'){}", table_.path.string(),
                                         counted(count_, "code"), count_ == 1 ? one : several, table_.where(first_),
                                         readable_text(table_.columns[0].text(first_)), advice);
    is_warning_ ? log_warning("{}", line) : log_note("{}", line);
  }

 private:
  const Table& table_;
  bool is_warning_;
  int64_t count_ = 0;
  int64_t first_ = 0;
};

}  // namespace

void check_code_descriptions(const std::filesystem::path& path) { find_columns(path); }

CodeDescriptions read_code_descriptions(const std::filesystem::path& path, const CodeSystem& codes) {
  const auto [code_column, description_column] = find_columns(path);
  require_header(path, code_column, codes);
  ReadOptions read;
  read.columns = {code_column, description_column};
  read.raw_columns = {description_column};
  const Table table = read_table(path, read);
  CodeDescriptions descriptions;
  OddRows blanks(table, false), unknown(table, false), decimals(table, true), other_texts(table, true);
  bool any_known = false;
  for (int64_t row = 0; row < table.num_rows; ++row) {
    const std::string_view text = trimmed(table.columns[0].text(row));
    if (text.size() != table.columns[0].text(row).size()) blanks.add(row);
    if (text.empty()) continue;
    const std::string code = spelled(text, codes);
    const bool known = codes.find(code) >= 0;
    any_known = any_known || known;
    if (!known) (is_decimal_of_code(code, codes) ? decimals : unknown).add(row);
    const auto [entry, fresh] = descriptions.emplace(code, table.columns[1].text(row));
    if (!fresh && entry->second != table.columns[1].text(row)) other_texts.add(row);
  }
  blanks.tell("has blanks around it, which are passed over", "have blanks around them, which are passed over", "");
  decimals.tell("ends in '.0', and is none of the model", "end in '.0', and are none of the model",
                ". Spreadsheets and pandas write whole numbers so where a column has empty cells. Save the column as "
                "text, or as whole numbers (pandas: read_csv(..., dtype=str))");
  other_texts.tell("is there before with another description; the first one is taken",
                   "are there before with another description; the first one of each is taken", "");
  if (any_known) unknown.tell("is none of the model's", "are none of the model's", "");
  if (!any_known) {
    log_warning("{}: none of the codes in column '{}' is a code of the model", path.string(),
                readable_text(code_column));
  }
  return descriptions;
}

}  // namespace canine
