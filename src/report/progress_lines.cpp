#include "canine/report/progress_lines.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "canine/core/readable.hpp"
#include "terminal.hpp"

namespace canine {

bool ProgressLines::due() {
  if (draws_on_stderr() || since_line_.seconds() < seconds_between_lines_) return false;
  since_line_.restart();
  return true;
}

std::string row_progress(int64_t rows, int64_t rows_before, int64_t expected_rows, double seconds) {
  const double rate = static_cast<double>(rows - rows_before) / seconds;
  const auto left = static_cast<double>(std::max<int64_t>(0, expected_rows - rows));
  return fmt::format("{} of about {} rows, {:.1f} rows/s, about {} left", format_count(rows),
                     format_count(expected_rows), rate, format_duration(left / rate));
}

}  // namespace canine
