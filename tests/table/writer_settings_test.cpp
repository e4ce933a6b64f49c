#include "canine/table/writer_settings.hpp"

#include <catch2/catch_test_macros.hpp>

namespace canine {
namespace {

using Lines = std::vector<std::string>;

TEST_CASE("Settings of any bytes come back from one line") {
  const WriterSettings settings = {{"col", "occ\n1"}, {"a\tb", "\\n=\\"}, {"empty", ""}, {"path", "x=y"}};
  const std::string text = settings_text(settings);
  CHECK(text.find('\n') == std::string::npos);
  CHECK(parse_settings(text) == settings);
  CHECK(parse_settings("").empty());
}

TEST_CASE("Only settings that differ are named") {
  const WriterSettings then = {{"mode", "greedy"}, {"batch-size", "256"}, {"gone", "1"}, {"threshold", ""}};
  const WriterSettings now = {{"batch-size", "128"}, {"mode", "greedy"}, {"new", "a\nb"}, {"threshold", "0.5"}};
  CHECK(differences(then, now) == Lines{"batch-size: then 256, now 128", "gone: then 1, now not known",
                                        "threshold: then nothing, now 0.5", "new: then not known, now a\\nb"});
  CHECK(differences(then, then).empty());
  CHECK(differences(parse_settings("another kind"), now).size() == 5);
}

}  // namespace
}  // namespace canine
