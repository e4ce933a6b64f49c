#include "canine/text/readable_text.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "canine/text/general_formatter.hpp"

namespace canine {
namespace {

TEST_CASE("What cannot be seen is escaped, all else stands") {
  CHECK(readable_text("en \u00E5 \u97CB") == "en \u00E5 \u97CB");
  CHECK(readable_text("a\tb\nc\rd") == "a\\tb\\nc\\rd");
  CHECK(readable_text("\u00A0en\u200B\uFEFF") == "\\u00A0en\\u200B\\uFEFF");
  CHECK(readable_text("\U000E0001") == "\\U000E0001");
  CHECK(readable_text(std::string("\x01\xFF", 2)) == "\\u0001\uFFFD");
}

TEST_CASE("Codes with invisible characters are shown escaped") {
  const GeneralFormatter formatter(1, 3, false);
  std::vector<int64_t> sequence(static_cast<size_t>(formatter.layout().sequence_length()));
  const std::vector<std::optional<std::string_view>> cells = {"1\u00A02"};
  const auto reason = formatter.encode(cells, sequence);
  REQUIRE(reason);
  CHECK(reason->starts_with("unknown character: '\\u00A0' (character 2 of the code '1\\u00A02')"));
}

}  // namespace
}  // namespace canine
