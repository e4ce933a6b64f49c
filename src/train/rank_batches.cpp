#include "canine/train/rank_batches.hpp"

#include <algorithm>

namespace canine {

RankBatches::RankBatches(const Dataset& data, const ProcessGroup& group, const BatchLoader::Options& options)
    : num_rows_(data.size()),
      batch_size_(options.batch_size),
      num_batches_((num_rows_ + batch_size_ - 1) / batch_size_),
      loader_(data, validation_rows(num_rows_, batch_size_, group.rank(), group.world()), nullptr, options) {}

int64_t RankBatches::rows_before(int64_t batch) const { return std::min(num_rows_, batch * batch_size_); }

}  // namespace canine
