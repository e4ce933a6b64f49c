#include "canine/data/filled_blocks.hpp"

#include <algorithm>
#include <random>

#include "batch_support.hpp"
#include "canine/data/loader.hpp"

// After LibTorch, whose logging has a CHECK of its own.
#undef CHECK
#include <catch2/catch_test_macros.hpp>

namespace canine {
namespace {

/// 50 rows with 1 to 4 codes, most with one.
std::unique_ptr<Dataset> rows_with_many_codes(std::vector<int64_t>& codes_of_row) {
  const testing::TemporaryFolder folder;
  auto key = std::make_shared<LabelKey>();
  std::mt19937 random(3);
  std::string csv = "occ1,a,b,c,d,lang\n";
  for (int row = 0; row < 50; ++row) {
    const int codes = random() % 4 == 0 ? 1 + static_cast<int>(random() % 4) : 1;
    codes_of_row.push_back(codes);
    csv += "text " + std::to_string(row);
    for (int code = 0; code < 4; ++code) csv += code < codes ? "," + std::to_string(100 + code) : ",";
    csv += ",en\n";
  }
  for (int code = 0; code < 4; ++code) key->add(std::to_string(100 + code));
  Dataset::Options options;
  options.files = {testing::write_text(folder / "data.csv", csv)};
  options.system = std::make_shared<CodeSystem>(testing::general_system({"a", "b", "c", "d"}, 5, key));
  return std::make_unique<Dataset>(options);
}

TEST_CASE("Every rank knows the most codes of any row of a global batch", "[filled_blocks]") {
  std::vector<int64_t> codes;
  const auto data = rows_with_many_codes(codes);
  for (const int world : {1, 2, 3}) {
    constexpr int64_t kAccumulation = 2;
    constexpr int64_t kRows = 2;
    for (const uint64_t epoch : {0, 1}) {
      std::vector<int64_t> expected;  // from the batches that the ranks' loaders make
      for (int rank = 0; rank < world; ++rank) {
        const DistributedSampler sampler({50, rank, world, true, 9, DistributedSampler::Remainder::kDrop});
        BatchLoader loader(*data, sampler, nullptr, {.batch_size = kRows});
        loader.seek(epoch);
        for (size_t i = 0; const auto batch = loader.next(); ++i) {
          expected.resize(std::max(expected.size(), i / kAccumulation + 1));
          for (const int64_t row : batch->rows) {
            int64_t& most = expected[i / kAccumulation];
            most = std::max(most, codes[static_cast<size_t>(row)]);
          }
        }
      }
      for (int rank = 0; rank < world; ++rank) {
        const DistributedSampler sampler({50, rank, world, true, 9, DistributedSampler::Remainder::kDrop});
        FilledBlocks blocks(*data, sampler, kRows * kAccumulation * world);
        blocks.seek(epoch);
        for (size_t i = 0; i < expected.size(); ++i) {
          CAPTURE(world, rank, epoch, i);
          CHECK(blocks.of_batch(static_cast<int64_t>(i)) == expected[i]);
        }
      }
    }
  }
}

}  // namespace
}  // namespace canine
