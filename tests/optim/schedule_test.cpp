#include "canine/optim/schedule.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <limits>

#include "canine/core/errors.hpp"
#include "optim/peer.hpp"

namespace canine {
namespace {

using Catch::Matchers::WithinRel;

TEST_CASE("six steps without warm-up") {
  const LinearSchedule schedule{.warmup_steps = 0, .total_steps = 6};
  const double expected[] = {2e-5, 1.667e-5, 1.333e-5, 1e-5, 0.667e-5, 0.333e-5};
  for (int64_t step = 0; step < 6; ++step) CHECK_THAT(2e-5 * schedule.factor(step), WithinRel(expected[step], 2e-3));
  CHECK(schedule.factor(6) == 0);
  CHECK(schedule.factor(1000) == 0);
}

TEST_CASE("with warm-up the first rate is 0 and the last 1 / (N - W)") {
  const LinearSchedule schedule{.warmup_steps = 2, .total_steps = 10};
  CHECK(schedule.factor(0) == 0);
  CHECK(schedule.factor(1) == 0.5);
  CHECK(schedule.factor(2) == 1);
  CHECK(schedule.factor(9) == 1.0 / 8);
}

TEST_CASE("rates equal those of transformers for every total and warm-up up to 24") {
  const std::vector<double> rates = test::Peer::get().read<double>("rates.f64");
  size_t next = 0;
  for (int64_t total = 1; total < 25; ++total) {
    for (int64_t warmup = 0; warmup <= total; ++warmup) {
      const LinearSchedule schedule{.warmup_steps = warmup, .total_steps = total};
      for (int64_t step = 0; step <= total; ++step) {
        INFO("step " << step << " of " << total << ", warm-up " << warmup);
        REQUIRE(next < rates.size());
        CHECK(2e-5 * schedule.factor(step) == rates[next++]);
      }
    }
  }
  CHECK(next == rates.size());
}

TEST_CASE("the share of warm-up steps is truncated as in Python") {
  struct Case {
    int64_t total;
    double share;
    int64_t warmup;
  };
  const Case c = GENERATE(Case{10, 0.2, 2}, Case{10, 0.0, 0}, Case{10, 1.0, 10}, Case{99, 0.05, 4}, Case{19, 0.05, 0},
                          Case{20, 0.05, 1}, Case{100, 0.29, 28}, Case{0, 0.5, 0});
  CHECK(LinearSchedule::with_share(c.total, c.share).warmup_steps == c.warmup);
  CHECK(LinearSchedule::with_share(c.total, c.share).total_steps == c.total);
}

TEST_CASE("shares outside [0, 1] are refused") {
  const double share = GENERATE(-0.01, 1.01, std::numeric_limits<double>::quiet_NaN());
  CHECK_THROWS_AS(LinearSchedule::with_share(10, share), UsageError);
}

}  // namespace
}  // namespace canine
