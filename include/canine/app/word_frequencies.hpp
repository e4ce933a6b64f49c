#pragma once

#include <filesystem>

#include "canine/text/augmentation.hpp"

namespace canine {

/// Words for the word insertion of the augmentation from a CSV or Parquet file with columns `word` and `freq` (a
/// missing frequency counts as 0). Throws DataError naming file and line, IoError.
WordSource read_word_frequencies(const std::filesystem::path& path);

}  // namespace canine
