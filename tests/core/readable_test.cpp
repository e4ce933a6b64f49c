#include "canine/core/readable.hpp"

#include <catch2/catch_test_macros.hpp>
#include <limits>

namespace canine {
namespace {

TEST_CASE("durations and counts") {
  CHECK(format_duration(0) == "00:00");
  CHECK(format_duration(59.6) == "01:00");
  CHECK(format_duration(3723) == "1:02:03");
  CHECK(format_duration(360000) == "100:00:00");
  CHECK(format_duration(std::numeric_limits<double>::infinity()) == "?");
  CHECK(format_duration(std::numeric_limits<double>::quiet_NaN()) == "?");
  CHECK(format_count(0) == "0");
  CHECK(format_count(999) == "999");
  CHECK(format_count(1000) == "1,000");
  CHECK(format_count(151319442) == "151,319,442");
  CHECK(format_count(-123456) == "-123,456");
}

}  // namespace
}  // namespace canine
