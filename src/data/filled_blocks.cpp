#include "canine/data/filled_blocks.hpp"

#include <algorithm>
#include <limits>

#include "canine/core/errors.hpp"
#include "canine/core/parallel.hpp"

namespace canine {
namespace {

constexpr int64_t kRowsPerThread = 4096;

/// Leading blocks of an encoded row with anything but padding in them.
uint8_t leading_blocks(const std::vector<int64_t>& sequence, const BlockLayout& layout) {
  auto block = sequence.begin() + 1;  // after BOS
  for (int64_t count = 0; count < layout.num_blocks; ++count, block += layout.block_size) {
    const bool empty =
        std::all_of(block, block + layout.block_size, [](int64_t token) { return token == LabelIndex::kPad; });
    if (empty) return static_cast<uint8_t>(count);
  }
  return static_cast<uint8_t>(layout.num_blocks);
}

}  // namespace

FilledBlocks::FilledBlocks(const Dataset& data, const DistributedSampler& sampler, int64_t rows_per_batch)
    : sampler_(sampler), rows_per_batch_(rows_per_batch), of_row_(static_cast<size_t>(data.size())) {
  const BlockLayout layout = data.formatter().layout();
  if (layout.num_blocks > std::numeric_limits<uint8_t>::max()) {
    throw UsageError("{} codes a row: at most {} are supported", layout.num_blocks,
                     std::numeric_limits<uint8_t>::max());
  }
  parallel_chunks(data.size(), 0, kRowsPerThread, [&](int64_t begin, int64_t end, int) {
    std::vector<int64_t> sequence(static_cast<size_t>(layout.sequence_length()));
    std::vector<float> flat(static_cast<size_t>(data.num_classes()));
    for (int64_t row = begin; row < end; ++row) {
      data.labels(row, sequence, flat);
      of_row_[static_cast<size_t>(row)] = leading_blocks(sequence, layout);
    }
  });
}

void FilledBlocks::seek(uint64_t epoch) {
  const std::vector<int64_t> order = sampler_.job_epoch(epoch);
  const auto batch = static_cast<size_t>(rows_per_batch_);
  of_batch_.assign((order.size() + batch - 1) / batch, 0);
  for (size_t i = 0; i < order.size(); ++i) {
    uint8_t& most = of_batch_[i / batch];
    most = std::max(most, of_row_[static_cast<size_t>(order[i])]);
  }
}

}  // namespace canine
