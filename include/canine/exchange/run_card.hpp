#pragma once

#include <filesystem>
#include <optional>

#include "canine/exchange/model_card.hpp"

namespace canine {

/// The card in the checkpoints of a run's folder, without reading their tensors: of last.bin, or of another if that one
/// cannot be read. nullopt if none has a card.
std::optional<ModelCard> read_run_card(const std::filesystem::path& folder);

}  // namespace canine
