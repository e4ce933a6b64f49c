#include "canine/report/progress_lines.hpp"

#include <catch2/catch_test_macros.hpp>

#include "support/captured_stream.hpp"

namespace canine {
namespace {

TEST_CASE("a line about rows has their rate and the time left") {
  CHECK(row_progress(3000, 0, 10000, 60) == "3,000 of about 10,000 rows, 50.0 rows/s, about 02:20 left");
  CHECK(row_progress(3000, 2000, 10000, 20) == "3,000 of about 10,000 rows, 50.0 rows/s, about 02:20 left");
  CHECK(row_progress(12000, 0, 10000, 60) == "12,000 of about 10,000 rows, 200.0 rows/s, about 00:00 left");
  CHECK(row_progress(2000, 2000, 10000, 5) == "2,000 of about 10,000 rows, 0.0 rows/s, about ? left");
}

TEST_CASE("lines are due at intervals, where stderr is no terminal") {
  const testing::CapturedStream no_terminal(2);
  ProgressLines at_once(0);
  CHECK(at_once.due());
  CHECK(at_once.due());
  CHECK_FALSE(ProgressLines().due());
}

}  // namespace
}  // namespace canine
