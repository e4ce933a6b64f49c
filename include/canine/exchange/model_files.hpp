#pragma once

#include <filesystem>

namespace canine {

/// Whether `file` is a part of the model or run in its folder, or would be taken for one if it were written there:
/// checkpoints, weights, keys, cards, configurations, prepared data, records of a run. Also where a link leads to such
/// a file. Files of other names (an evaluation's results beside a run) are nobody's part, and so is everything in
/// folders that hold no model, no checkpoint and no prepared data.
bool belongs_to_model(const std::filesystem::path& file);

}  // namespace canine
