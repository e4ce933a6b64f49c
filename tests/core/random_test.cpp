#include "canine/core/random.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <numeric>
#include <vector>

#include "canine/core/errors.hpp"
#include "support/chi_square.hpp"

namespace canine {
namespace {

using Rows = std::vector<int64_t>;

int64_t sum_of(const Rows& rows) { return std::accumulate(rows.begin(), rows.end(), int64_t{0}); }

/// Sum of position times entry: changes when any two entries are swapped.
int64_t weighted_sum_of(const Rows& rows) {
  int64_t sum = 0;
  for (size_t i = 0; i < rows.size(); ++i) sum += static_cast<int64_t>(i) * rows[i];
  return sum;
}

bool is_permutation_of_range(Rows rows) {
  std::ranges::sort(rows);
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] != static_cast<int64_t>(i)) return false;
  }
  return true;
}

TEST_CASE("NumPy's sample with seed 42") {
  CHECK(numpy_sample(42, 10, 1) == Rows{8});
  CHECK(numpy_sample(42, 10, 10) == Rows{8, 1, 5, 0, 7, 2, 9, 4, 3, 6});
  CHECK(numpy_sample(42, 20, 2) == Rows{0, 17});
  CHECK(numpy_sample(42, 20, 20) == Rows{0, 17, 15, 1, 8, 5, 11, 3, 18, 16, 13, 2, 9, 19, 4, 12, 7, 10, 14, 6});
  CHECK(numpy_sample(42, 25, 5) == Rows{8, 16, 0, 23, 11});
  CHECK(numpy_sample(42, 100, 10) == Rows{83, 53, 70, 45, 44, 39, 22, 80, 10, 0});

  const Rows thousand = numpy_sample(42, 1000, 100);
  CHECK(Rows(thousand.begin(), thousand.begin() + 9) == Rows{521, 737, 740, 660, 411, 678, 626, 513, 859});
  CHECK(thousand[9] == 136);
  CHECK(thousand.back() == 826);
  CHECK(sum_of(thousand) == 48878);

  const Rows ten_thousand = numpy_sample(42, 10000, 1000);
  CHECK(Rows(ten_thousand.begin(), ten_thousand.begin() + 9) ==
        Rows{6252, 4684, 1731, 4742, 4521, 6340, 576, 5202, 6363});
  CHECK(ten_thousand[9] == 439);
  CHECK(ten_thousand.back() == 7713);
  CHECK(sum_of(ten_thousand) == 4997385);
}

TEST_CASE("Samples at the limits") {
  CHECK(numpy_sample(42, 0, 0).empty());
  CHECK(numpy_sample(42, 1, 1) == Rows{0});
  CHECK(numpy_sample(42, 7, 0).empty());
  CHECK_THROWS_AS(numpy_sample(42, 7, 8), UsageError);
  CHECK_THROWS_AS(numpy_sample(42, 7, -1), UsageError);
  CHECK(is_permutation_of_range(numpy_sample(1, 3000, 3000)));
}

TEST_CASE("Long permutations, summed up by NumPy 2.4 and PyTorch 2.11") {
  CHECK(weighted_sum_of(numpy_sample(7, 4097, 4097)) == 17274979866);
  CHECK(weighted_sum_of(numpy_sample(7, 1'000'003, 1'000'003)) == 250023835793113717);
  CHECK(weighted_sum_of(torch_randperm(3, 4097)) == 17205273261);
  CHECK(weighted_sum_of(torch_randperm(7, 100'003)) == 249696369754885);
}

TEST_CASE("PyTorch's permutations") {
  CHECK(torch_randperm(0, 10) == Rows{4, 1, 7, 5, 3, 9, 0, 8, 6, 2});
  CHECK(torch_randperm(1, 10) == Rows{5, 6, 1, 2, 0, 8, 9, 3, 7, 4});
  CHECK(torch_randperm(2, 10) == Rows{8, 7, 1, 5, 6, 9, 0, 4, 2, 3});
  // The interleaved shards of data.md section 4 read as one permutation.
  CHECK(torch_randperm(0, 11) == Rows{10, 0, 4, 3, 5, 8, 2, 1, 9, 7, 6});
  CHECK(torch_randperm(0, 3) == Rows{2, 0, 1});
  CHECK(torch_randperm(5, 0).empty());
  CHECK(torch_randperm(5, 1) == Rows{0});
  CHECK(torch_randperm((uint64_t{1} << 32) + 2, 10) == torch_randperm(2, 10));
  CHECK(is_permutation_of_range(torch_randperm(9, 3000)));
}

TEST_CASE("The known answers of Random123 for philox4x32-10") {
  using Counter = Philox::Counter;
  constexpr uint32_t kOnes = 0xffffffff;
  CHECK(Philox::block({0, 0, 0, 0}, {0, 0}) == Counter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(Philox::block({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}) ==
        Counter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(Philox::block({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Counter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("A stream is the blocks of one key, counted from 0") {
  Philox random(0x299f31d0'a4093822, 0x85a308d3, 0x03707344'13198a2e);
  for (uint32_t number = 0; number < 3; ++number) {
    const Philox::Counter counter = {number, 0x85a308d3, 0x13198a2e, 0x03707344};
    for (const uint32_t expected : Philox::block(counter, {0xa4093822, 0x299f31d0})) CHECK(random.next() == expected);
  }
}

TEST_CASE("Streams of other seeds, epochs and rows are different") {
  const uint32_t first = Philox(1, 2, 3).next();
  CHECK(Philox(1, 2, 3).next() == first);
  for (Philox other : {Philox(2, 2, 3), Philox(1, 3, 3), Philox(1, 2, 4), Philox(1 + (uint64_t{1} << 32), 2, 3),
                       Philox(1, 2, 3 + (uint64_t{1} << 32))}) {
    CHECK(other.next() != first);
  }
}

TEST_CASE("Uniform numbers take 53 bits of two outputs") {
  Philox bits(4, 0, 0);
  Philox random(4, 0, 0);
  for (int i = 0; i < 1000; ++i) {
    const double high = bits.next() >> 5;
    const double low = bits.next() >> 6;
    const double value = random.uniform();
    CHECK(value == (high * 67108864.0 + low) / 9007199254740992.0);
    CHECK(value < 1);
  }
}

TEST_CASE("Bounded integers are unbiased") {
  Philox random(6, 0, 0);
  std::vector<int64_t> counts(7);
  for (int i = 0; i < 70000; ++i) ++counts.at(random.below(7));
  CHECK(testing::chi_square_score(counts, std::vector<double>(7, 1.0)) < 5);
  CHECK(random.below(1) == 0);
  // With a bound of 3 * 2^30 a quarter of the outputs is rejected; without that, thirds would come out as 2 : 1 : 1.
  std::vector<int64_t> thirds(3);
  for (int i = 0; i < 30000; ++i) ++thirds.at(random.below(0xC0000000u) % 3);
  CHECK(testing::chi_square_score(thirds, std::vector<double>(3, 1.0)) < 5);
}

}  // namespace
}  // namespace canine
