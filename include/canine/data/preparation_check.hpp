#pragma once

#include <filesystem>

#include "canine/data/prepare.hpp"

namespace canine {

/// What prepare() would refuse without having read any row, to be found before work that takes longer: columns that the
/// dataset lacks, prepared files that were made with other flags. Writes nothing. Throws as prepare().
void check_preparation(const PrepareOptions& options, const std::filesystem::path& folder);

/// Whether prepare() would read the dataset and write the prepared files, as they are not there or not to be used.
bool makes_prepared_files(const PrepareOptions& options, const std::filesystem::path& folder);

}  // namespace canine
