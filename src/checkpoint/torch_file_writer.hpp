#pragma once

#include <cstdint>

#include "canine/checkpoint/pickle_value.hpp"

namespace canine {

/// About how many bytes write_torch_file would write (never less).
uint64_t torch_file_bytes(const PickleValue& value);

}  // namespace canine
