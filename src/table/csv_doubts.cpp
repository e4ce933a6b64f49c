#include "csv_doubts.hpp"

#include "canine/core/log.hpp"
#include "canine/core/readable.hpp"

namespace canine {
namespace {

constexpr uint64_t kMostLines = 5;  // of an honest text: an address, a few remarks

std::string count_of(uint64_t number) { return format_count(static_cast<int64_t>(number)); }

}  // namespace

void CsvDoubts::look_at_quotes() {
  const OddQuotes& odd = scanner_.odd_quotes();
  const uint64_t breaks = odd.last_line - odd.first_line;
  if (odd.text_behind && num_text_behind_++ == 0) first_text_behind_ = scanner_.line();
  if (breaks + 1 <= kMostLines && !(breaks > 0 && odd.text_behind)) return;
  ++num_long_;
  if (breaks > longest_.last_line - longest_.first_line) longest_ = odd;
}

void CsvDoubts::tell(const std::filesystem::path& path, int64_t num_rows) const {
  if (log_is_quiet() && !log_tag().empty()) return;  // the first process of the job tells
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
  if (scanner_.num_cut() > 0) {
    log_warning("{}: {} {} a zero byte, where it ends; what is behind it is left out. The first is in line {}",
                path.string(), counted(scanner_.num_cut(), "cell"), scanner_.num_cut() == 1 ? "holds" : "hold",
                count_of(scanner_.first_cut_line()));
  }
}

}  // namespace canine
