#include "canine/app/code_descriptions.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "canine/core/errors.hpp"
#include "canine/core/log.hpp"
#include "canine/table/column_hints.hpp"
#include "canine/table/table.hpp"

namespace canine {
namespace {

/// Names of the columns of codes and descriptions.
std::pair<std::string, std::string> find_columns(const std::filesystem::path& path) {
  const std::vector<std::string> names = read_column_names(path);
  const auto has = [&](const char* name) { return std::ranges::find(names, name) != names.end(); };
  if (has("system_code") && has("desc")) return {"system_code", "desc"};
  if (names.size() < 2) {
    throw DataError("{}: expected two columns, codes and their descriptions; the file has {}. {}", path.string(),
                    list_of_names(names), separator_hint(path, names));
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

}  // namespace

void check_code_descriptions(const std::filesystem::path& path) { find_columns(path); }

CodeDescriptions read_code_descriptions(const std::filesystem::path& path, const CodeSystem& codes) {
  const auto [code_column, description_column] = find_columns(path);
  ReadOptions read;
  read.columns = {code_column, description_column};
  read.raw_columns = {description_column};
  const Table table = read_table(path, read);
  CodeDescriptions descriptions;
  bool any_known = false;
  for (int64_t row = 0; row < table.num_rows; ++row) {
    const std::string code = spelled(table.columns[0].text(row), codes);
    if (code.empty()) continue;
    any_known = any_known || codes.find(code) >= 0;
    descriptions.emplace(code, table.columns[1].text(row));
  }
  if (!any_known) {
    log_warning("{}: none of the codes in column '{}' is a code of the model", path.string(), code_column);
  }
  return descriptions;
}

}  // namespace canine
