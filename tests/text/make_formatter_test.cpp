#include "canine/text/make_formatter.hpp"

#include <catch2/catch_test_macros.hpp>

#include "canine/core/errors.hpp"

namespace canine {
namespace {

TEST_CASE("Every kind of formatter is made with its shape") {
  struct Case {
    FormatterOptions options;
    std::string_view name;
    int64_t num_blocks, block_size, vocabulary;
  };
  for (const Case& c : {Case{{.kind = FormatterKind::kHisco, .num_columns = 1, .block_size = 9}, "hisco", 5, 5, 19},
                        Case{{.kind = FormatterKind::kOcc1950}, "occ1950", 2, 3, 16},
                        Case{{.num_columns = 3, .block_size = 8}, "gpf", 3, 8, 2087}}) {
    const std::shared_ptr<const Formatter> formatter = make_formatter(c.options);
    CHECK(name_of(c.options.kind) == c.name);
    CHECK(formatter->layout().num_blocks == c.num_blocks);
    CHECK(formatter->layout().block_size == c.block_size);
    CHECK(formatter->vocabulary_size() == c.vocabulary);
  }
  std::vector<int64_t> sequence(5);
  CHECK(make_formatter({.block_size = 3})->encode(std::vector<std::optional<std::string_view>>{"1,2"}, sequence));
  CHECK_FALSE(make_formatter({.block_size = 3, .use_within_block_sep = true})
                  ->encode(std::vector<std::optional<std::string_view>>{"1,2"}, sequence));
  CHECK_THROWS_AS(make_formatter({.num_columns = 0}), UsageError);
  CHECK_THROWS_AS(make_formatter({.block_size = 0}), UsageError);
}

}  // namespace
}  // namespace canine
