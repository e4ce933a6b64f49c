#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "canine/checkpoint/named_tensors.hpp"
#include "canine/exchange/model_card.hpp"

namespace canine {

/// Which model has weights of these names (model.md §10 of the reference).
std::optional<ModelType> recognise(const NamedTensors& weights);

/// Mixer's names as those that the Python program's model of this type has; the reverse of mixer_weights.
NamedTensors python_names(const NamedTensors& weights, ModelType type);

/// The tensors whose names begin with `prefix`, under the rest of their names.
NamedTensors part_of(const NamedTensors& weights, std::string_view prefix);

}  // namespace canine
