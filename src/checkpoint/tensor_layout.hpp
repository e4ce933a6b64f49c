#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/ScalarType.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace canine {

constexpr size_t kMaxDims = 64;  ///< what ATen iterates over

/// Elements of a tensor of these sizes. nullopt for a negative size, for more than kMaxDims dimensions, or where the
/// sizes or the contiguous strides would not fit 63 bits.
std::optional<int64_t> checked_numel(std::span<const int64_t> sizes);

/// Elements that a view reaches into its storage: offset + sum((size - 1) * stride) + 1, or offset if it is empty.
/// nullopt for negative numbers and for sums that do not fit 63 bits.
std::optional<int64_t> checked_extent(int64_t offset, std::span<const int64_t> sizes, std::span<const int64_t> strides);

/// a * b, or nullopt if that does not fit.
std::optional<uint64_t> checked_product(uint64_t a, uint64_t b);

/// New uninitialised CPU tensor in memory aligned to 64 bytes.
at::Tensor make_cpu_tensor(std::span<const int64_t> sizes, c10::ScalarType type);

/// The tensor detached, on the CPU and contiguous: itself where it is so already.
at::Tensor host_contiguous(const at::Tensor& tensor);

/// The memory of a contiguous CPU tensor.
std::span<std::byte> tensor_bytes(const at::Tensor& tensor);

}  // namespace canine
