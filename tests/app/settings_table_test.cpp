#include "canine/app/settings_table.hpp"

#include <catch2/catch_test_macros.hpp>

namespace canine {
namespace {

TEST_CASE("the table aligns names, values and meanings and marks what was set") {
  int64_t batch_size = 128;
  bool amp = false;
  std::string file;
  OptionSet options("program", "", {});
  options.section("Data");
  options.add("dataset", file, "");
  options.section("Training");
  options.add("batch-size", batch_size, "");
  options.add("use-amp", amp, "");
  REQUIRE(options.parse({"--batch-size", "64"}));
  CHECK(settings_table(options, {{"batch-size", "141 steps an epoch"}}, {{"rows", "9,000"}}) ==
        "Data\n"
        "   dataset     -\n"
        "Training\n"
        " * batch-size  64  141 steps an epoch\n"
        "   use-amp     no\n"
        "This run\n"
        "   rows        9,000");
}

TEST_CASE("sizes") {
  CHECK(format_bytes(0) == "0 bytes");
  CHECK(format_bytes(1023) == "1023 bytes");
  CHECK(format_bytes(1536) == "1.50 KiB");
  CHECK(format_bytes(605277768) == "577.24 MiB");
  CHECK(format_bytes(3.0 * 1024 * 1024 * 1024) == "3.00 GiB");
}

}  // namespace
}  // namespace canine
