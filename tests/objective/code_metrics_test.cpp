#include "canine/objective/code_metrics.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "canine/core/errors.hpp"

namespace canine {
namespace {

using Catch::Matchers::WithinRel;

struct Row {
  std::vector<int64_t> labels;
  std::vector<int64_t> predicted;
  std::vector<int64_t> likeliest = {};
};

CodeMetrics metrics_of(const std::vector<Row>& rows, int64_t k = 0) {
  CodeMetrics metrics(k);
  for (const Row& row : rows) metrics.add({row.labels, row.predicted, row.likeliest});
  return metrics;
}

TEST_CASE("rows match exactly if the sets of codes are equal") {
  const auto matches = [](const Row& row) { return metrics_of({row}).exact_rows() == 1; };
  CHECK(matches({{1, 2}, {1, 2}}));
  CHECK(matches({{1, 2}, {2, 1}}));
  CHECK(matches({{1, 1, 2}, {2, 2, 1}}));
  CHECK(matches({{}, {}}));
  CHECK(matches({{-1}, {-1}}));
  CHECK_FALSE(matches({{1, 2}, {1}}));
  CHECK_FALSE(matches({{1}, {1, 2}}));
  CHECK_FALSE(matches({{1}, {2}}));
  CHECK_FALSE(matches({{1}, {}}));
  CHECK_FALSE(matches({{}, {1}}));
  CHECK_FALSE(matches({{1}, {1, -1}}));
  CHECK_FALSE(matches({{-1}, {-2}}));
}

// By the definitions of scikit-learn for multi-label indicator matrices, by hand:
//   labels    {0} {0,1} {2} {2} {3}      predicted {0} {0} {2,1} {0} {}
//   micro: tp 3, predicted 5, labels 6
//   class 0: tp 2, predicted 3, labels 2; 1: 0, 1, 1; 2: 1, 1, 2; 3: 0, 0, 1; 4 occurs nowhere
TEST_CASE("precision, recall and F1 by hand") {
  const CodeMetrics metrics = metrics_of({{{0}, {0}}, {{0, 1}, {0}}, {{2}, {2, 1}}, {{2}, {0}}, {{3}, {}}});
  CHECK(metrics.rows() == 5);
  CHECK(metrics.exact_match() == 0.2);
  CHECK(metrics.micro().precision == 3.0 / 5);
  CHECK(metrics.micro().recall == 3.0 / 6);
  CHECK(metrics.micro().f1 == 6.0 / 11);
  REQUIRE(metrics.codes().size() == 4);
  const CodeCounts& zero = metrics.codes().at(0);
  CHECK(zero.precision() == 2.0 / 3);
  CHECK(zero.recall() == 1);
  CHECK(zero.f1() == 0.8);
  CHECK(metrics.codes().at(3).precision() == 0);
  CHECK(metrics.codes().at(3).f1() == 0);
  CHECK_THAT(metrics.macro().precision, WithinRel((2.0 / 3 + 0 + 1 + 0) / 4, 1e-15));
  CHECK_THAT(metrics.macro().recall, WithinRel((1 + 0 + 0.5 + 0) / 4, 1e-15));
  CHECK_THAT(metrics.macro().f1, WithinRel((0.8 + 0 + 2.0 / 3 + 0) / 4, 1e-15));
}

TEST_CASE("codes without class count in micro, not in macro") {
  const CodeMetrics metrics = metrics_of({{{7}, {7, -1, -2}}, {{7}, {-1}}});
  CHECK(metrics.classless().predicted == 3);
  CHECK(metrics.micro().precision == 0.25);
  CHECK(metrics.micro().recall == 0.5);
  CHECK(metrics.macro().precision == 1);
  CHECK(metrics.codes().size() == 1);
}

TEST_CASE("a code that comes twice in a row counts once") {
  const CodeCounts counts = metrics_of({{{5, 5}, {5, 5, 5}}}).total();
  CHECK(counts.labels == 1);
  CHECK(counts.predicted == 1);
  CHECK(counts.right == 1);
}

TEST_CASE("rows are right within k if all their codes are among the k likeliest classes") {
  const auto first_k = [](const Row& row) {  // smallest k for which the row counts, 0 = none
    const CodeMetrics metrics = metrics_of({row}, 3);
    for (int64_t k = 1; k <= 3; ++k) {
      if (metrics.top_k(k) == 1) return k;
    }
    return int64_t{0};
  };
  CHECK(first_k({{4}, {}, {4, 8, 9}}) == 1);
  CHECK(first_k({{9}, {}, {4, 8, 9}}) == 3);
  CHECK(first_k({{4, 8}, {}, {4, 8, 9}}) == 2);
  CHECK(first_k({{9, 4}, {}, {4, 8, 9}}) == 3);
  CHECK(first_k({{4, 4}, {}, {4, 8, 9}}) == 1);
  CHECK(first_k({{}, {}, {4, 8, 9}}) == 1);
  CHECK(first_k({{5}, {}, {4, 8, 9}}) == 0);
  CHECK(first_k({{4, 5}, {}, {4, 8, 9}}) == 0);
  CHECK(first_k({{6}, {}, {4, 8, 9, 6}}) == 0);
  CHECK(first_k({{4}, {}, {4}}) == 1);  // fewer classes than k
  CHECK(first_k({{-1}, {}, {4, 8, 9}}) == 0);
  CHECK(first_k({{-1}, {}, {-1, 8, 9}}) == 0);
}

TEST_CASE("the flat head's recall of a code is over its k likeliest classes") {
  const CodeMetrics metrics = metrics_of({{{4}, {}, {8, 4}}, {{4}, {}, {8, 9}}, {{8}, {}, {8, 4}}}, 2);
  CHECK(metrics.codes().at(4).flat_recall() == 0.5);
  CHECK(metrics.codes().at(8).flat_recall() == 1);
  CHECK(metrics.top_k(1) == 1.0 / 3);
  CHECK(metrics.top_k(2) == 2.0 / 3);
}

TEST_CASE("the sum of parts is the whole") {
  const std::vector<Row> rows = {{{0}, {0}, {0, 1}}, {{0, 1}, {1, -1}, {2, 1}}, {{2}, {3}, {1, 2}}, {{}, {0}, {0, 2}}};
  const CodeMetrics whole = metrics_of(rows, 2);
  CodeMetrics sum = metrics_of({rows[3], rows[1]}, 2);
  sum += metrics_of({rows[0], rows[2]}, 2);
  CHECK(sum.rows() == 4);
  CHECK(sum.exact_match() == whole.exact_match());
  CHECK(sum.top_k(1) == whole.top_k(1));
  CHECK(sum.top_k(2) == whole.top_k(2));
  CHECK(sum.micro().f1 == whole.micro().f1);
  CHECK(sum.macro().f1 == whole.macro().f1);
  CHECK(sum.codes().size() == whole.codes().size());
  CHECK(sum.classless().predicted == 1);
  CHECK_THROWS_AS(sum += CodeMetrics(5), InternalError);
}

TEST_CASE("code metrics of no rows are zeros") {
  const CodeMetrics metrics(1);
  CHECK(metrics.exact_match() == 0);
  CHECK(metrics.micro().f1 == 0);
  CHECK(metrics.macro().precision == 0);
  CHECK(metrics.top_k(1) == 0);
}

}  // namespace
}  // namespace canine
