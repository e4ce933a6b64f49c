#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace canine {

/// Tensors by name, in the order of a file or a state dict.
using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

/// Whether one of them has this name.
inline bool contains(const NamedTensors& tensors, std::string_view name) {
  return std::any_of(tensors.begin(), tensors.end(), [&](const auto& item) { return item.first == name; });
}

}  // namespace canine
