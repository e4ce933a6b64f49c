#include "canine/decode/first_blocks.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "canine/core/errors.hpp"
#include "canine/data/code_system.hpp"
#include "canine/decode/prefix_tree.hpp"
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

TEST_CASE("The first blocks of all HISCO classes decode to their codes and share 4,073 edges") {
  const CodeSystem hisco({.formatter = {.kind = FormatterKind::kHisco}});
  Cells cells;
  for (int64_t i = 0; i < hisco.num_classes(); ++i) cells.push_back(hisco.cell(i));
  const auto blocks = first_blocks(*hisco.formatter(), cells);
  REQUIRE(blocks.size() == 1919);
  for (int64_t i = 0; i < hisco.num_classes(); ++i) {
    const auto& block = blocks[static_cast<size_t>(i)];
    std::vector<int64_t> sequence(static_cast<size_t>(hisco.formatter()->layout().sequence_length()), LabelIndex::kPad);
    std::copy(block.begin(), block.end(), sequence.begin() + 1);
    CHECK(hisco.formatter()->decode(sequence) == hisco.code(i));
  }
  const PrefixTree tree(blocks);
  CHECK(tree.num_edges() == 4073);
  CHECK(std::count_if(tree.nodes().begin(), tree.nodes().end(),
                      [](const auto& node) { return node.num_children > 0; }) == 2155);
}

}  // namespace
}  // namespace canine
