#include "canine/core/random.hpp"

#include <numeric>
#include <random>
#include <utility>

#include "canine/core/errors.hpp"

namespace canine {
namespace {

/// NumPy's random_interval: uniform in [0, max] by masking and rejection.
uint64_t numpy_interval(std::mt19937& generator, uint64_t max) {
  uint64_t mask = max;
  for (int shift = 1; shift < 64; shift *= 2) mask |= mask >> shift;
  uint64_t value = 0;
  do {
    value = generator();
    if (max > 0xffffffffu) value = (value << 32) | generator();
    value &= mask;
  } while (value > max);
  return value;
}

}  // namespace

std::vector<int64_t> numpy_sample(uint32_t seed, int64_t num_rows, int64_t count) {
  if (count < 0 || count > num_rows) throw UsageError("cannot draw {} rows out of {}", count, num_rows);
  std::vector<int64_t> rows(static_cast<size_t>(num_rows));
  std::iota(rows.begin(), rows.end(), int64_t{0});
  std::mt19937 generator(seed);
  for (size_t i = rows.size(); i-- > 1;) std::swap(rows[i], rows[numpy_interval(generator, i)]);
  rows.resize(static_cast<size_t>(count));
  return rows;
}

std::vector<int64_t> torch_randperm(uint64_t seed, int64_t num_rows) {
  std::vector<int64_t> rows(static_cast<size_t>(num_rows));
  std::iota(rows.begin(), rows.end(), int64_t{0});
  std::mt19937 generator(static_cast<uint32_t>(seed));
  for (size_t i = 0; i + 1 < rows.size(); ++i) std::swap(rows[i], rows[i + generator() % (rows.size() - i)]);
  return rows;
}

Philox::Counter Philox::block(Counter x, Key key) {
  constexpr uint64_t kMultiply0 = 0xD2511F53u;
  constexpr uint64_t kMultiply1 = 0xCD9E8D57u;
  constexpr int kRounds = 10;
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t p0 = kMultiply0 * x[0];
    const uint64_t p1 = kMultiply1 * x[2];
    x = {static_cast<uint32_t>(p1 >> 32) ^ x[1] ^ key[0], static_cast<uint32_t>(p1),
         static_cast<uint32_t>(p0 >> 32) ^ x[3] ^ key[1], static_cast<uint32_t>(p0)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return x;
}

uint32_t Philox::next() {
  if (used_ == 4) {
    block_ = block(counter_, key_);
    ++counter_[0];
    used_ = 0;
  }
  return block_[static_cast<size_t>(used_++)];
}

double Philox::uniform() {
  const uint64_t high = next() >> 5;
  const uint64_t low = next() >> 6;
  return static_cast<double>((high << 26) | low) * 0x1p-53;
}

uint32_t Philox::below(uint32_t bound) {
  uint64_t product = uint64_t{next()} * bound;
  if (static_cast<uint32_t>(product) < bound) {
    const uint32_t threshold = (0u - bound) % bound;
    while (static_cast<uint32_t>(product) < threshold) product = uint64_t{next()} * bound;
  }
  return static_cast<uint32_t>(product >> 32);
}

}  // namespace canine
