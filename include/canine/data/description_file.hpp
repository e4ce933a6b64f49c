#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "canine/data/description_survey.hpp"

namespace canine {

/// Reads a file of descriptions from front to back before hours are spent on its rows: what cannot be read in its last
/// row is an error now, and what looks wrong is told now. `text_col` holds the descriptions,
/// `other_cols` are wanted too. Memory as TableStream; takes about a second for a million rows. Throws as TableStream.
DescriptionSurvey survey_file(const std::filesystem::path& path, const std::string& text_col,
                              const std::vector<std::string>& other_cols);

}  // namespace canine
