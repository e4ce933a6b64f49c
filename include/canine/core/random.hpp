#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace canine {

/// First `count` entries of NumPy's legacy permutation: RandomState(seed).permutation(num_rows)[:count], which is what
/// pandas' sample(n, random_state=seed) draws. MT19937, Fisher-Yates from the end, masked rejection for bounds.
/// Throws UsageError unless 0 <= count <= num_rows.
std::vector<int64_t> numpy_sample(uint32_t seed, int64_t num_rows, int64_t count);

/// torch.randperm(num_rows, generator=torch.Generator().manual_seed(seed)) on the CPU (PyTorch 2.11): MT19937 seeded
/// with the low 32 bits, forward Fisher-Yates with one 32-bit output modulo the rest.
std::vector<int64_t> torch_randperm(uint64_t seed, int64_t num_rows);

/// Counter-based random stream, Philox4x32-10 (Salmon et al. 2011): equal keys give equal streams whatever ran before,
/// so a row's augmentation does not depend on threads, ranks or resumption.
class Philox {
 public:
  using Counter = std::array<uint32_t, 4>;
  using Key = std::array<uint32_t, 2>;

  /// The generator itself: 128 random bits that belong to a counter and a key.
  static Counter block(Counter counter, Key key);

  /// Stream of one (seed, epoch, row): key = seed, counter = (number of the block, epoch, row).
  Philox(uint64_t seed, uint32_t epoch, uint64_t row)
      : key_{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)},
        counter_{0, epoch, static_cast<uint32_t>(row), static_cast<uint32_t>(row >> 32)} {}

  uint32_t next();

  /// Uniform in [0, 1) with 53 bits.
  double uniform();

  /// Uniform integer in [0, bound), bound > 0, without bias (Lemire's method with rejection).
  uint32_t below(uint32_t bound);

 private:
  Key key_;
  Counter counter_;
  Counter block_{};
  int used_ = 4;
};

}  // namespace canine
