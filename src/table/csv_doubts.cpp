#include "csv_doubts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <string_view>
#include <utility>

#include "canine/core/ascii_lower.hpp"
#include "canine/core/log.hpp"
#include "canine/core/readable.hpp"
#include "readers.hpp"

namespace canine {
namespace {

constexpr uint64_t kMostLines = 5;  // of an honest text: an address, a few remarks

std::string count_of(uint64_t number) { return format_count(static_cast<int64_t>(number)); }

/// Without the mark that files of spreadsheets begin with.
std::string_view without_mark(std::string_view cell) {
  return cell.starts_with(kByteOrderMark) ? cell.substr(kByteOrderMark.size()) : cell;
}

/// A name of a column as people compare them.
std::string plain_name(std::string_view cell) {
  constexpr std::string_view kBlanks = " \t\"";
  cell = without_mark(cell);
  cell.remove_prefix(std::min(cell.find_first_not_of(kBlanks), cell.size()));
  cell = cell.substr(0, cell.find_last_not_of(kBlanks) + 1);
  return ascii_lower(cell);
}

}  // namespace

CsvDoubts::CsvDoubts(const CsvScanner& scanner, std::vector<std::string> header)
    : scanner_(scanner), header_(std::move(header)), lines_before_(scanner.num_lines()) {
  for (const std::string& name : header_) {
    const std::string& plain = plain_names_.emplace_back(plain_name(name));
    if (plain.empty()) continue;
    const auto first = static_cast<unsigned char>(plain.front());
    name_starts_.set(first);
    name_starts_.set(static_cast<unsigned char>(std::toupper(first)));
  }
  for (const char before : {'\xEF', ' ', '\t', '"'}) name_starts_.set(static_cast<unsigned char>(before));
}

void CsvDoubts::look_at_quotes() {
  const OddQuotes& odd = scanner_.odd_quotes();
  const uint64_t breaks = odd.last_line - odd.first_line;
  if (breaks > 0) look_for_rows_in_texts();
  if (odd.text_behind && num_text_behind_++ == 0) first_text_behind_ = scanner_.line();
  if (breaks + 1 <= kMostLines && !(breaks > 0 && odd.text_behind)) return;
  ++num_long_;
  if (breaks > longest_.last_line - longest_.first_line) longest_ = odd;
}

/// A text whose first line has the separators that complete the row is a row without its quote, unless it is chance.
void CsvDoubts::look_for_rows_in_texts() {
  ++num_broken_;
  const size_t num_fields = std::min(scanner_.num_fields(), header_.size());
  for (size_t i = 0; i < num_fields; ++i) {
    const std::string_view text = scanner_.raw(i);
    const size_t end = text.find_first_of("\r\n");
    if (end == std::string_view::npos) continue;
    const auto separators = std::ranges::count(text.substr(0, end), scanner_.separator());
    if (separators == 0 || i + static_cast<size_t>(separators) + 1 != header_.size()) continue;
    if (num_merged_++ == 0) first_merged_ = scanner_.line();
    return;
  }
}

/// A word alone in its line may be a description: there only the very name is a header.
void CsvDoubts::look_at_all_names() {
  if (header_.size() == 1 && without_mark(scanner_.raw(0)) != header_[0]) return;
  if (std::ranges::find(plain_names_, plain_name(scanner_.raw(0))) == plain_names_.end()) return;
  std::vector<std::string> names;
  for (size_t i = 0; i < header_.size(); ++i) names.push_back(plain_name(scanner_.raw(i)));
  if (!std::ranges::is_permutation(names, plain_names_)) return;
  if (num_headers_++ == 0) first_header_ = scanner_.line();
  if (first_other_header_ == 0 && names != plain_names_) first_other_header_ = scanner_.line();
}

void CsvDoubts::tell(const std::filesystem::path& path, int64_t num_rows) const {
  if (log_is_quiet() && !log_tag().empty()) return;  // the first process of the job tells
  constexpr int64_t kChance = 1;                     // a note in two lines, the first with just as many commas
  if (num_merged_ > kChance && 2 * num_merged_ > num_broken_ && num_long_ == 0) {
    log_warning(
        "{}: {} texts in quotes over several lines begin like a whole row, the first in line {}, as if quotes were "
        "missing or too many. {} were made of {} behind the header: look at these lines",
        path.string(), count_of(static_cast<uint64_t>(num_merged_)), count_of(first_merged_), counted(num_rows, "row"),
        counted(static_cast<int64_t>(scanner_.num_lines() - lines_before_), "line"));
  }
  if (num_headers_ > 0) {
    log_warning(
        "{}: {} the names of the columns once more, the first in line {}; were files put together with their headers? "
        "Such rows are read like others: take them out{}",
        path.string(), num_headers_ == 1 ? "1 row has" : counted(num_headers_, "row") + " have",
        count_of(first_header_),
        first_other_header_ == 0
            ? ""
            : fmt::format(
                  ". In line {} they are in another order, and the rows behind it are read in the wrong columns: "
                  "put the files together by the names of their columns",
                  count_of(first_other_header_)));
  }
  if (num_long_ > 0) {
    log_warning(
        "{}: {} over several lines as if a quote were missing or too many{} from line {} to line {}. {} of {} behind "
        "the header: look at these lines",
        path.string(), num_long_ == 1 ? "a text in quotes goes" : counted(num_long_, "text") + " in quotes go",
        num_long_ == 1 ? "," : ", the longest", count_of(longest_.first_line), count_of(longest_.last_line),
        num_rows == 1 ? "1 row was made" : counted(num_rows, "row") + " were made",
        counted(static_cast<int64_t>(scanner_.num_lines() - lines_before_), "line"));
  } else if (num_text_behind_ > 0) {
    log_warning(
        "{}: in {} a text goes on behind its closing quote, the first in line {}; quotes inside a text in quotes are "
        "written twice",
        path.string(), counted(num_text_behind_, "row"), count_of(first_text_behind_));
  }
  if (num_short_ > 0) {
    log_warning("{}: {} fewer fields than the header, the first in line {}; the rest of them is missing", path.string(),
                num_short_ == 1 ? "1 row has" : counted(num_short_, "row") + " have", count_of(first_short_));
  }
  warn_of_cut_cells(path, scanner_.num_cut(), "line " + count_of(scanner_.first_cut_line()));
}

}  // namespace canine
