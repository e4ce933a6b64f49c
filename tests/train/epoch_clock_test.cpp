#include "canine/train/epoch_clock.hpp"

#include <catch2/catch_test_macros.hpp>
#include <set>
#include <vector>

#include "canine/data/sampler.hpp"

namespace canine {
namespace {

using Rows = std::vector<int64_t>;

constexpr int64_t kGlobalBatch = 12;

int64_t steps_per_epoch(int64_t num_rows, int world) {
  const int64_t rows = num_rows / world * world;
  return (rows + kGlobalBatch - 1) / kGlobalBatch;
}

/// Rows of a step of `world` processes together.
Rows global_batch(int64_t num_rows, int world, const EpochClock& clock, int64_t step) {
  const DistributedSampler sampler({num_rows, 0, world, true, 5, DistributedSampler::Remainder::kDrop});
  const Rows order = sampler.job_epoch(static_cast<uint64_t>(clock.epoch_of(step)));
  const auto begin = static_cast<size_t>(clock.batch_of(step) * kGlobalBatch);
  const size_t end = std::min(order.size(), begin + kGlobalBatch);
  return {order.begin() + static_cast<std::ptrdiff_t>(begin), order.begin() + static_cast<std::ptrdiff_t>(end)};
}

TEST_CASE("a step's epoch and batch") {
  const EpochClock clock{.steps_per_epoch = 5};
  CHECK(clock.epoch_of(0) == 0);
  CHECK(clock.epoch_of(4) == 0);
  CHECK(clock.epoch_of(5) == 1);
  CHECK(clock.batch_of(12) == 2);
  CHECK(clock.total_steps(3) == 15);
  CHECK(clock.total_steps(0) == 0);
}

TEST_CASE("no rows give no steps, and no division by zero") {
  const EpochClock clock{.steps_per_epoch = 0};
  CHECK(clock.total_steps(3) == 0);
  CHECK(clock.epoch_of(0) == 0);
  CHECK(clock.batch_of(0) == 0);
}

TEST_CASE("another number of processes goes on with the same rows in the same order after any step") {
  // 35 rows leave 11 in the last batch of an epoch, 37 leave one, which two processes drop; 36 leave none.
  for (const int64_t num_rows : {35, 36, 37, 38}) {
    for (const int before : {1, 2, 3, 4}) {
      for (const int after : {1, 2, 3, 4}) {
        const EpochClock first{.steps_per_epoch = steps_per_epoch(num_rows, before)};
        for (int64_t stop = 0; stop <= first.total_steps(3); ++stop) {
          const EpochClock second = first.continued(stop, steps_per_epoch(num_rows, after), {});
          CAPTURE(num_rows, before, after, stop);
          // Seen by both halves of the run, and where: every epoch has each row once at most, and lacks only what
          // processes had to drop.
          std::vector<std::multiset<int64_t>> epochs(3);
          for (int64_t step = 0; step < stop; ++step) {
            const Rows rows = global_batch(num_rows, before, first, step);
            epochs[static_cast<size_t>(first.epoch_of(step))].insert(rows.begin(), rows.end());
          }
          for (int64_t step = stop; step < second.total_steps(3); ++step) {
            const Rows rows = global_batch(num_rows, after, second, step);
            epochs[static_cast<size_t>(second.epoch_of(step))].insert(rows.begin(), rows.end());
          }
          for (const auto& epoch : epochs) {
            REQUIRE(std::set<int64_t>(epoch.begin(), epoch.end()).size() == epoch.size());
            REQUIRE(static_cast<int64_t>(epoch.size()) > num_rows - std::max(before, after));
          }
        }
      }
    }
  }
}

TEST_CASE("another global batch goes on in the same epoch, and leaves no row out") {
  constexpr int64_t kRows = 100;
  constexpr int64_t kEpochs = 3;
  for (const int64_t before : {7, 10, 20}) {
    for (const int64_t now : {5, 10, 13, 40, 200}) {
      const EpochClock first{.steps_per_epoch = (kRows + before - 1) / before};
      const int64_t steps = (kRows + now - 1) / now;
      for (int64_t stop = 0; stop < first.total_steps(kEpochs); ++stop) {
        CAPTURE(before, now, stop);
        const EpochClock second = first.continued(stop, steps, {before, now});
        const int64_t seen = first.batch_of(stop) * before;
        REQUIRE(second.epoch_of(stop) == first.epoch_of(stop));
        const int64_t goes_on_at = second.batch_of(stop) * now;
        REQUIRE(goes_on_at <= seen);
        REQUIRE(goes_on_at > seen - now);
        // To the ends of all epochs from there.
        const int64_t left = second.total_steps(kEpochs) - stop;
        REQUIRE(left == (kEpochs - first.epoch_of(stop)) * steps - second.batch_of(stop));
      }
    }
  }
}

TEST_CASE("the same number of steps keeps the clock") {
  const EpochClock clock{.steps_per_epoch = 5, .origin_step = 3, .origin_epoch = 1};
  const EpochClock same = clock.continued(7, 5, {});
  CHECK(same.origin_step == 3);
  CHECK(same.origin_epoch == 1);
}

}  // namespace
}  // namespace canine
