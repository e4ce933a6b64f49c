#pragma once

#include <string>
#include <string_view>

#include "canine/checkpoint/pickle_value.hpp"
#include "canine/data/key.hpp"

namespace canine {

// The key of a general-purpose model as its files hold it. The class of missing cells (docs/differences.md D15) is a
// float NaN in checkpoints and, as Python's json writes that, the text "NaN" in key.json.

/// Entry "key" of a checkpoint: a dict of code to class.
PickleValue to_value(const LabelKey& key);

/// Throws CheckpointError naming `source` for anything but codes with the classes 0, 1, 2, ...
LabelKey key_of_value(const PickleValue& value, const std::string& source);

/// key.json of a Hub folder: an object of code to class.
std::string to_json(const LabelKey& key);

/// As key_of_value; the classes may stand in any order.
LabelKey key_of_json(std::string_view json, const std::string& source);

}  // namespace canine
