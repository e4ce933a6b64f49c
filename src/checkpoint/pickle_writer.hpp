#pragma once

#include <c10/core/Storage.h>

#include <string>
#include <vector>

#include "canine/checkpoint/pickle_value.hpp"

namespace canine {

/// A value as pickle of protocol 2, and the memory its tensors refer to: storage i is the record "data/i".
struct PickledValue {
  std::string pickle;
  std::vector<c10::Storage> storages;
};

/// Pickles as Python's torch.save does: same opcodes, memo numbers and batches of 1000. Texts of equal value share one
/// memo entry, as Python's interned ones do. Tensors of one storage share it; all are said to lie on the "cpu" and to
/// need no gradient. Throws CheckpointError for what cannot be said so (Opaque, types without a storage name).
PickledValue write_pickle(const PickleValue& value);

}  // namespace canine
