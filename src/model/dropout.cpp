#include "canine/model/dropout.hpp"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/ops/dropout.h>
#include <ATen/ops/empty_like.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <mutex>

// One version of a loop per vector width, chosen when the program starts.
#if defined(__x86_64__)
#define CANINE_VECTOR_WIDTHS __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define CANINE_VECTOR_WIDTHS
#endif

namespace canine {
namespace {

/// Which elements one call of dropout keeps, as a function of their index.
struct KeepRule {
  uint32_t key[2];     ///< from the generator
  uint32_t threshold;  ///< an element is kept if its 32 random bits are at least this
  float scale;         ///< of kept elements, 1 / (1 - rate)
};

/// 32 random bits of element `index`: two rounds of an integer finaliser (multiply, xor, shift; constants of
/// C. Wellons, "Prospecting for hash functions") around the two halves of the key.
inline uint32_t random_bits(uint32_t index, uint32_t key0, uint32_t key1) {
  uint32_t h = index ^ key0;
  h = (h ^ (h >> 16)) * 0x21F0AAADu;
  h = (h ^ (h >> 15)) * 0xD35A2D97u;
  h = (h ^ (h >> 15)) + key1;
  h = (h ^ (h >> 16)) * 0x21F0AAADu;
  h = (h ^ (h >> 15)) * 0xD35A2D97u;
  return h ^ (h >> 15);
}

CANINE_VECTOR_WIDTHS
void apply(const float* x, float* y, uint32_t begin, uint32_t count, const KeepRule& rule) {
  const uint32_t key0 = rule.key[0], key1 = rule.key[1], threshold = rule.threshold;
  const float scale = rule.scale;
  for (uint32_t i = 0; i < count; ++i) {
    y[i] = x[i] * (random_bits(begin + i, key0, key1) >= threshold ? scale : 0.0F);
  }
}

/// The same for bfloat16 as its 16 bits, rounding to nearest even.
CANINE_VECTOR_WIDTHS
void apply(const uint16_t* x, uint16_t* y, uint32_t begin, uint32_t count, const KeepRule& rule) {
  const uint32_t key0 = rule.key[0], key1 = rule.key[1], threshold = rule.threshold;
  const float scale = rule.scale;
  for (uint32_t i = 0; i < count; ++i) {
    const float kept = random_bits(begin + i, key0, key1) >= threshold ? scale : 0.0F;
    const float value = std::bit_cast<float>(static_cast<uint32_t>(x[i]) << 16) * kept;
    const uint32_t bits = std::bit_cast<uint32_t>(value);
    const uint32_t rounded = (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
    y[i] = static_cast<uint16_t>(value == value ? rounded : 0x7FC0u);
  }
}

template <typename Bits>
void apply_parallel(const void* x, void* y, int64_t count, const KeepRule& rule) {
  constexpr int64_t kGrain = int64_t{1} << 15;
  at::parallel_for(0, count, kGrain, [&](int64_t begin, int64_t end) {
    apply(static_cast<const Bits*>(x) + begin, static_cast<Bits*>(y) + begin, static_cast<uint32_t>(begin),
          static_cast<uint32_t>(end - begin), rule);
  });
}

at::Tensor keep_some(const at::Tensor& x, const KeepRule& rule) {
  const at::Tensor source = x.contiguous();
  at::Tensor result = at::empty_like(source);
  if (source.scalar_type() == at::kFloat) {
    apply_parallel<float>(source.const_data_ptr(), result.mutable_data_ptr(), source.numel(), rule);
  } else {
    apply_parallel<uint16_t>(source.const_data_ptr(), result.mutable_data_ptr(), source.numel(), rule);
  }
  return result;
}

KeepRule rule_of(uint64_t key, double rate) {
  constexpr double kLargest = 4294967295.0;
  return {{static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)},
          static_cast<uint32_t>(std::min(std::round(std::ldexp(rate, 32)), kLargest)),
          static_cast<float>(1.0 / (1.0 - rate))};
}

struct DropoutFunction : torch::autograd::Function<DropoutFunction> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, int64_t key, double rate) {
    context->saved_data["key"] = key;
    context->saved_data["rate"] = rate;
    return keep_some(x, rule_of(static_cast<uint64_t>(key), rate));
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto key = static_cast<uint64_t>(context->saved_data["key"].toInt());
    return {keep_some(gradients[0], rule_of(key, context->saved_data["rate"].toDouble())), {}, {}};
  }
};

uint64_t draw_key() {
  at::Generator generator = at::detail::getDefaultCPUGenerator();
  const std::scoped_lock lock(generator.mutex());
  return at::check_generator<at::CPUGeneratorImpl>(generator)->random64();
}

}  // namespace

at::Tensor dropout(const at::Tensor& x, double rate) {
  if (rate <= 0) return x;
  const bool supported = x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16;
  if (!x.is_cpu() || !supported) return at::dropout(x, rate, /*train=*/true);
  return DropoutFunction::apply(x, static_cast<int64_t>(draw_key()), rate);
}

}  // namespace canine
