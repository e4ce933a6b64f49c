#pragma once

#include "canine/app/option_set.hpp"
#include "canine/exchange/load_model.hpp"

namespace canine {

/// Declares the flags that say of a model what its file may leave out: encoder, formatter, columns, key.
void add_description_options(OptionSet& options, ModelOverrides& overrides);

}  // namespace canine
