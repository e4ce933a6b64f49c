#pragma once

#include <filesystem>

#include "canine/data/prepare.hpp"
#include "label_scan.hpp"

namespace canine {

/// Lists the rejected rows in bad_rows.csv of `folder` (removed where there are none) and says which rows are left out.
/// Throws DataError with counts, examples and the flag that helps if rows were rejected that may not be left out.
void report_rejected(const LabelScan& scan, const PrepareOptions& options, const std::filesystem::path& folder);

}  // namespace canine
