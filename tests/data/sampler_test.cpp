#include "canine/data/sampler.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <set>

#include "canine/core/errors.hpp"

using canine::DistributedSampler;
using Remainder = DistributedSampler::Remainder;
using Rows = std::vector<int64_t>;

namespace {

DistributedSampler sampler(int64_t num_rows, int rank, int world, Remainder remainder, bool shuffle = true) {
  return DistributedSampler({num_rows, rank, world, shuffle, 0, remainder});
}

std::vector<Rows> all_ranks(int64_t num_rows, int world, Remainder remainder) {
  std::vector<Rows> shards;
  for (int rank = 0; rank < world; ++rank) shards.push_back(sampler(num_rows, rank, world, remainder).epoch(0));
  return shards;
}

}  // namespace

TEST_CASE("One process sees torch.randperm of seed + epoch", "[sampler]") {
  // reference/data.md section 4, checked with PyTorch 2.11
  const DistributedSampler alone = sampler(10, 0, 1, Remainder::kPad);
  CHECK(alone.epoch(0) == Rows{4, 1, 7, 5, 3, 9, 0, 8, 6, 2});
  CHECK(alone.epoch(1) == Rows{5, 6, 1, 2, 0, 8, 9, 3, 7, 4});
  CHECK(alone.epoch(2) == Rows{8, 7, 1, 5, 6, 9, 0, 4, 2, 3});
  CHECK(DistributedSampler({10, 0, 1, true, 2, Remainder::kPad}).epoch(0) == alone.epoch(2));
}

TEST_CASE("Ranks take the rows of torch's DistributedSampler", "[sampler]") {
  CHECK(all_ranks(10, 4, Remainder::kPad) == std::vector<Rows>{{4, 3, 6}, {1, 9, 2}, {7, 0, 4}, {5, 8, 1}});
  CHECK(all_ranks(10, 4, Remainder::kDrop) == std::vector<Rows>{{4, 3}, {1, 9}, {7, 0}, {5, 8}});
  CHECK(all_ranks(11, 3, Remainder::kPad) == std::vector<Rows>{{10, 3, 2, 7}, {0, 5, 1, 6}, {4, 8, 9, 10}});
  CHECK(all_ranks(11, 3, Remainder::kDrop) == std::vector<Rows>{{10, 3, 2}, {0, 5, 1}, {4, 8, 9}});
  CHECK(all_ranks(3, 4, Remainder::kPad) == std::vector<Rows>{{2}, {0}, {1}, {2}});
  CHECK(all_ranks(3, 4, Remainder::kDrop) == std::vector<Rows>{{}, {}, {}, {}});
}

TEST_CASE("Without shuffling rows come in file order", "[sampler]") {
  CHECK(sampler(5, 0, 1, Remainder::kPad, false).epoch(7) == Rows{0, 1, 2, 3, 4});
  CHECK(sampler(5, 1, 2, Remainder::kPad, false).epoch(0) == Rows{1, 3, 0});
  CHECK(sampler(5, 1, 2, Remainder::kDrop, false).epoch(0) == Rows{1, 3});
}

TEST_CASE("Shards interleave to the order of one process for any number of rows and ranks", "[sampler]") {
  for (const Remainder remainder : {Remainder::kPad, Remainder::kDrop}) {
    for (int64_t num_rows = 0; num_rows <= 24; ++num_rows) {
      const Rows order = sampler(num_rows, 0, 1, remainder).epoch(0);
      for (int world = 1; world <= 9; ++world) {
        const std::vector<Rows> shards = all_ranks(num_rows, world, remainder);
        Rows joined;
        for (size_t i = 0; i < shards[0].size(); ++i) {
          for (const Rows& shard : shards) joined.push_back(shard.at(i));
        }
        const int64_t expected =
            remainder == Remainder::kDrop ? num_rows / world * world : (num_rows + world - 1) / world * world;
        CAPTURE(num_rows, world);
        REQUIRE(static_cast<int64_t>(joined.size()) == expected);
        for (int rank = 0; rank < world; ++rank) {
          REQUIRE(static_cast<int64_t>(shards[static_cast<size_t>(rank)].size()) ==
                  sampler(num_rows, rank, world, remainder).rows_per_rank());
        }
        for (size_t i = 0; i < joined.size(); ++i) REQUIRE(joined[i] == order[i % order.size()]);
      }
    }
  }
}

TEST_CASE("A shuffled epoch is a permutation and epochs differ", "[sampler]") {
  const DistributedSampler alone = sampler(4097, 0, 1, Remainder::kPad);
  Rows rows = alone.epoch(3);
  CHECK(rows != alone.epoch(4));
  CHECK(std::set<int64_t>(rows.begin(), rows.end()).size() == 4097);
  CHECK(*std::max_element(rows.begin(), rows.end()) == 4096);
}

TEST_CASE("Impossible ranks are refused", "[sampler]") {
  CHECK_THROWS_AS(sampler(-1, 0, 1, Remainder::kPad), canine::UsageError);
  CHECK_THROWS_AS(sampler(1, 0, 0, Remainder::kPad), canine::UsageError);
  CHECK_THROWS_AS(sampler(1, 2, 2, Remainder::kPad), canine::UsageError);
  CHECK_THROWS_AS(sampler(1, -1, 2, Remainder::kPad), canine::UsageError);
}

TEST_CASE("Validation sees every row once, in batches that do not depend on the ranks", "[sampler]") {
  for (int64_t num_rows = 0; num_rows <= 25; ++num_rows) {
    for (const int64_t batch_size : {1, 4, 7, 30}) {
      for (int world = 1; world <= 5; ++world) {
        CAPTURE(num_rows, batch_size, world);
        std::vector<Rows> batches(static_cast<size_t>((num_rows + batch_size - 1) / batch_size));
        for (int rank = 0; rank < world; ++rank) {
          const Rows rows = canine::validation_rows(num_rows, batch_size, rank, world);
          // Cut as a loader cuts them.
          size_t batch = static_cast<size_t>(rank);
          for (size_t begin = 0; begin < rows.size(); begin += static_cast<size_t>(batch_size)) {
            const size_t end = std::min(rows.size(), begin + static_cast<size_t>(batch_size));
            REQUIRE(batch < batches.size());
            batches[batch].assign(rows.begin() + static_cast<std::ptrdiff_t>(begin),
                                  rows.begin() + static_cast<std::ptrdiff_t>(end));
            batch += static_cast<size_t>(world);
          }
        }
        int64_t next = 0;
        for (const Rows& batch : batches) {
          for (const int64_t row : batch) REQUIRE(row == next++);
        }
        REQUIRE(next == num_rows);
      }
    }
  }
}
