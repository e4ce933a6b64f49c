#include "canine/data/key_check.hpp"

#include <fmt/format.h>

#include "canine/core/errors.hpp"
#include "canine/core/log.hpp"
#include "canine/core/readable.hpp"
#include "canine/table/table.hpp"
#include "canine/text/readable_text.hpp"
#include "code_forms.hpp"

namespace canine {
namespace {

constexpr const char* kCodeColumn = "system_code";

bool has_blanks_around(std::string_view code) {
  constexpr std::string_view kBlanks = " \t\r\n";
  return !code.empty() &&
         (kBlanks.find(code.front()) != std::string_view::npos || kBlanks.find(code.back()) != std::string_view::npos);
}

}  // namespace

std::string KeyDoubts::text() const {
  std::string text;
  for (const auto& sentences : {faults, oddities}) {
    for (const std::string& sentence : sentences) text += "\n" + sentence;
  }
  return text;
}

KeyDoubts find_key_doubts(const std::filesystem::path& key, const FormatterOptions& formatter) {
  KeyDoubts doubts;
  if (formatter.kind != FormatterKind::kGeneral) return doubts;
  ReadOptions read;
  read.columns = {kCodeColumn};
  read.warn = false;  // said when the key itself is read
  const Table table = read_table(key, read);
  CodeForms forms(1);
  int64_t num_blanks = 0;
  int64_t first_blanks = 0;
  bool is_too_long = false;
  for (int64_t row = 0; row < table.num_rows; ++row) {
    if (table.columns[0].missing(row)) continue;
    const std::string_view code = table.columns[0].text(row);
    if (has_blanks_around(code) && num_blanks++ == 0) first_blanks = row;
    const CodeForm form = form_of(code, formatter);
    is_too_long = is_too_long || (is_damaged(form) && std::ssize(code) > formatter.block_size);
    forms.add(form, code, 0, row);
  }
  if (num_blanks > 0) {
    doubts.faults.push_back(fmt::format(
        "column {}: {} blanks around {} (first in {}: '{}'). No model writes such codes; take the blanks away, or give "
        "the key.csv that the training has written",
        kCodeColumn, num_blanks == 1 ? "1 code has" : format_count(num_blanks) + " codes have",
        num_blanks == 1 ? "it" : "them", table.where(first_blanks),
        readable_text(table.columns[0].text(first_blanks))));
  }
  for (const std::string& finding : forms.findings(table, {kCodeColumn}, formatter)) {
    (is_too_long ? doubts.faults : doubts.oddities).push_back(finding);
  }
  return doubts;
}

void require_sound_key(const std::filesystem::path& key, const FormatterOptions& formatter) {
  const KeyDoubts doubts = find_key_doubts(key, formatter);
  if (!doubts.faults.empty()) {
    throw DataError("{}: these are not the codes of a training, whose key.csv is expected as it was written:{}",
                    key.string(), doubts.text());
  }
  for (const std::string& oddity : doubts.oddities) log_warning("{}", oddity);
}

void warn_of_lost_zeros(const LabelKey& key, const FormatterOptions& formatter) {
  int64_t num_twice = 0;
  std::string first;
  for (int64_t i = 0; i < key.size(); ++i) {
    const std::optional<std::string>& code = key.code(i);
    if (!code || form_of(*code, formatter) != CodeForm::kFewerDigits) continue;
    if (key.find(with_zeros(*code, formatter.block_size)) >= 0 && num_twice++ == 0) first = *code;
  }
  if (num_twice == 0) return;
  log_warning(
      "{} in the data with and without leading zeros, the first as '{}' and '{}': two codes for a model. Was a file or "
      "a column read as numbers? Save it as text",
      num_twice == 1 ? "1 code is" : format_count(num_twice) + " codes are", first,
      with_zeros(first, formatter.block_size));
}

}  // namespace canine
