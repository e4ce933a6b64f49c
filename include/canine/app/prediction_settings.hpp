#pragma once

#include <c10/core/Device.h>

#include "canine/app/predict.hpp"
#include "canine/exchange/load_model.hpp"
#include "canine/table/writer_settings.hpp"

namespace canine {

/// "greedy", "flat", "full".
const char* word(DecodeMode mode);

/// All that predictions depend on besides the rows of the input, by the names of flags where there are some, with
/// hashes of what is long. A run that goes on must have the same; devices of a kind may be more or fewer, and files may
/// have other names.
WriterSettings prediction_settings(const PredictOptions& values, const LoadedModel& model, c10::Device device);

}  // namespace canine
