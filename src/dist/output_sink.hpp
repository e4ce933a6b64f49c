#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace canine {

/// Puts one node in front of all `outputs` in the graph, which hands their gradients through. When backward reaches one
/// of them it now visits what made the others too, with undefined gradients, so a search for unused parameters from the
/// outputs stays right where the loss leaves some of them out. The tensors stay the same objects; those without a
/// gradient function are left alone.
void tie_outputs(const std::vector<at::Tensor>& outputs);

}  // namespace canine
