#pragma once

#include <string>

#include "canine/checkpoint/named_tensors.hpp"
#include "canine/model/options.hpp"

namespace canine {

/// Shape of the model that has these weights (names of Mixer): sizes, numbers of layers, V, C; 0 for what is not there.
/// What tensors do not show keeps its default. Throws CheckpointError naming `source` and a tensor that is missing,
/// does not fit the others, or holds no floating-point numbers, so a model of this shape takes memory in proportion to
/// the file.
MixerOptions shape_of(const NamedTensors& weights, const std::string& source);

}  // namespace canine
