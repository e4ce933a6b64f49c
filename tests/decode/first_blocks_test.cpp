#include "canine/decode/first_blocks.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "canine/core/errors.hpp"
#include "canine/text/general_formatter.hpp"

namespace canine {
namespace {

using Cells = std::vector<std::optional<std::string>>;

TEST_CASE("A code's first block is that of a row with this code alone") {
  const GeneralFormatter formatter(2, 5, false);
  const Cells cells = {"12345", "?", std::nullopt, "1&2"};
  CHECK(first_blocks(formatter, cells) ==
        std::vector<std::vector<int64_t>>{{1005, 1006, 1007, 1008, 1009}, {2074, 3, 3, 3, 3}, {}, {1005, 3, 3, 3, 3}});
}

TEST_CASE("A code that the formatter cannot encode is named") {
  const Cells cells = {"1", "123456"};
  CHECK_THROWS_MATCHES(first_blocks(GeneralFormatter(1, 5, false), cells), DataError,
                       Catch::Matchers::MessageMatches(Catch::Matchers::StartsWith("class 1 ('123456')")));
}

}  // namespace
}  // namespace canine
