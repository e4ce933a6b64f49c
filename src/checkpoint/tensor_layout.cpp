#include "tensor_layout.hpp"

#include <ATen/ops/empty.h>

#include <algorithm>

namespace canine {
std::optional<int64_t> checked_numel(std::span<const int64_t> sizes) {
  if (sizes.size() > kMaxDims) return std::nullopt;
  int64_t numel = 1;
  int64_t largest_stride = 1;
  for (const int64_t size : sizes) {
    if (size < 0 || __builtin_mul_overflow(largest_stride, std::max<int64_t>(size, 1), &largest_stride)) {
      return std::nullopt;
    }
    numel *= size;
  }
  return numel;
}

std::optional<int64_t> checked_extent(int64_t offset, std::span<const int64_t> sizes,
                                      std::span<const int64_t> strides) {
  const std::optional<int64_t> numel = checked_numel(sizes);
  if (!numel || offset < 0 || sizes.size() != strides.size()) return std::nullopt;
  int64_t last = offset;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (strides[i] < 0) return std::nullopt;
    if (*numel == 0) continue;
    int64_t reach = 0;
    if (__builtin_mul_overflow(sizes[i] - 1, strides[i], &reach) || __builtin_add_overflow(last, reach, &last)) {
      return std::nullopt;
    }
  }
  if (*numel == 0) return offset;
  return __builtin_add_overflow(last, 1, &last) ? std::nullopt : std::optional(last);
}

std::optional<uint64_t> checked_product(uint64_t a, uint64_t b) {
  uint64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? std::nullopt : std::optional(product);
}

at::Tensor make_cpu_tensor(std::span<const int64_t> sizes, c10::ScalarType type) {
  return at::empty(at::IntArrayRef(sizes.data(), sizes.size()), at::TensorOptions().dtype(type));
}

at::Tensor host_contiguous(const at::Tensor& tensor) { return tensor.detach().cpu().contiguous(); }

std::span<std::byte> tensor_bytes(const at::Tensor& tensor) {
  return {static_cast<std::byte*>(tensor.mutable_data_ptr()), tensor.nbytes()};
}

}  // namespace canine
