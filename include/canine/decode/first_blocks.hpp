#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "canine/text/formatter.hpp"

namespace canine {

/// Tokens of the first block of a row that holds one code, for each of a classification's label cells (cells that
/// CodeSystem::cell gives, by class): what a full search looks for. A cell that is missing gives no tokens.
/// Throws DataError naming the class whose cell the formatter cannot encode.
std::vector<std::vector<int64_t>> first_blocks(const Formatter& formatter,
                                               std::span<const std::optional<std::string>> cells);

}  // namespace canine
