#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <utility>
#include <vector>

namespace canine {

/// Tensors by name, in the order of a file or a state dict.
using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

}  // namespace canine
