#include "canine/text/text_content.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

namespace canine {
namespace {

TEST_CASE("Nothing but invisible characters is no description") {
  const std::string_view nothing[] = {"",
                                      " ",
                                      "\t\r\n",
                                      "\u00A0\u3000",
                                      "\u200B",
                                      "\uFEFF",
                                      "\u200E\u200F",
                                      "\u00AD",
                                      "\u2060",
                                      "\u3164",  // fillers
                                      "\u115F\u1160",
                                      "\uFFA0",
                                      "\u2800",
                                      "\u180E",
                                      "\uFE0F",
                                      "\U000E0001",
                                      "\x01\x7F",
                                      "\u2028 \u200D"};
  for (const std::string_view text : nothing) {
    CAPTURE(text);
    CHECK(content_of(text) == TextContent::kNothing);
  }
  CHECK(content_of(std::string_view("\0", 1)) == TextContent::kNothing);
}

TEST_CASE("Signs without a letter or digit are told apart") {
  for (const std::string_view text : {"-", "?", "()", " . ", "---", "\u2014", "...", "\u00BF?", "\u200B*", "\u0301"}) {
    CAPTURE(text);
    CHECK(content_of(text) == TextContent::kNoLetter);
  }
}

TEST_CASE("Letters and digits of any script are descriptions") {
  const std::string_view texts[] = {"a",      " (x)",   "7",      "\u00E6",       "\u03B1", "\u0436",    "\u0639",
                                    "\u05D0", "\u4EBA", "\u3042", "\u0E01\u0E31", "\u0967", "\U0001F468"};
  for (const std::string_view text : texts) {
    CAPTURE(text);
    CHECK(content_of(text) == TextContent::kDescription);
  }
}

}  // namespace
}  // namespace canine
