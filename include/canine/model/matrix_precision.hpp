#pragma once

#include <c10/core/ScalarType.h>

#include "canine/model/mixer.hpp"

namespace canine {

/// Keeps the matrices of all linear layers in `dtype` (kBFloat16) from now on. For predictions under autocast to that
/// type, whose numbers stay the same: half the memory, and no pass converts weights. Without autocast the model then no
/// longer runs, and its weights are no longer fit to be trained or saved. All else stays float32.
void store_matrices_as(MixerImpl& mixer, c10::ScalarType dtype);

}  // namespace canine
