#pragma once

#include <cstdint>
#include <string>

#include "canine/core/clock.hpp"

namespace canine {

/// When work of unknown length should say in a line how far it is: every few seconds, except on a terminal on which a
/// bar (report/progress.hpp) shows it.
class ProgressLines {
 public:
  explicit ProgressLines(double seconds_between_lines = 10) : seconds_between_lines_(seconds_between_lines) {}

  /// True if a line is due; the next one is due as many seconds later.
  bool due();

 private:
  double seconds_between_lines_;
  Stopwatch since_line_;
};

/// "3,000 of about 10,000 rows, 50.0 rows/s, about 02:20 left": how far a table is of which `rows` are done,
/// `rows_before` of them by an earlier run and the others in `seconds`.
std::string row_progress(int64_t rows, int64_t rows_before, int64_t expected_rows, double seconds);

}  // namespace canine
