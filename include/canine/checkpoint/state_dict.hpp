#pragma once

#include <string_view>

#include "canine/checkpoint/named_tensors.hpp"
#include "canine/checkpoint/pickle_value.hpp"

namespace canine {

/// A collections.OrderedDict of text to tensor, which is what a module's state_dict() is in Python. The tensors are
/// shared, not copied.
PickleValue state_dict_value(const NamedTensors& tensors);

/// The tensors of such a dict in its order, sharing memory. CheckpointError naming `path` and the key if an entry is
/// anything else.
NamedTensors tensors_of(const PickleValue& dict, std::string_view path);

}  // namespace canine
