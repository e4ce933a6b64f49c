#include "canine/data/sampler.hpp"

#include <algorithm>
#include <numeric>

#include "canine/core/errors.hpp"
#include "canine/core/random.hpp"

namespace canine {

DistributedSampler::DistributedSampler(const Options& options) : options_(options) {
  if (options.num_rows < 0) throw UsageError("number of rows: expected 0 or more, got {}", options.num_rows);
  if (options.world < 1) throw UsageError("number of processes: expected 1 or more, got {}", options.world);
  if (options.rank < 0 || options.rank >= options.world) {
    throw UsageError("rank: expected 0 to {} with {} processes, got {}", options.world - 1, options.world,
                     options.rank);
  }
}

int64_t DistributedSampler::rows_per_rank() const {
  const int64_t whole = options_.num_rows / options_.world;
  const bool remainder = options_.num_rows % options_.world != 0;
  return whole + (remainder && options_.remainder == Remainder::kPad ? 1 : 0);
}

std::vector<int64_t> DistributedSampler::job_epoch(uint64_t epoch) const {
  std::vector<int64_t> order;
  if (options_.shuffle) {
    order = torch_randperm(options_.seed + epoch, options_.num_rows);
  } else {
    order.resize(static_cast<size_t>(options_.num_rows));
    std::iota(order.begin(), order.end(), int64_t{0});
  }
  // Positions past the end repeat the order from its start, several times over if there are fewer rows than ranks.
  const auto count = static_cast<size_t>(rows_per_rank() * options_.world);
  order.reserve(count);
  for (size_t next = 0; order.size() < count; ++next) order.push_back(order[next]);
  order.resize(count);
  return order;
}

std::vector<int64_t> DistributedSampler::epoch(uint64_t epoch) const {
  std::vector<int64_t> order = job_epoch(epoch);
  if (options_.world == 1) return order;
  std::vector<int64_t> rows(static_cast<size_t>(rows_per_rank()));
  for (size_t i = 0; i < rows.size(); ++i) {
    rows[i] = order[static_cast<size_t>(options_.rank) + i * static_cast<size_t>(options_.world)];
  }
  return rows;
}

std::vector<int64_t> validation_rows(int64_t num_rows, int64_t batch_size, int rank, int world) {
  std::vector<int64_t> rows;
  for (int64_t begin = rank * batch_size; begin < num_rows; begin += world * batch_size) {
    for (int64_t row = begin; row < std::min(num_rows, begin + batch_size); ++row) rows.push_back(row);
  }
  return rows;
}

}  // namespace canine
