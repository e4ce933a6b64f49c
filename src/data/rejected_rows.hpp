#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "canine/data/prepare.hpp"
#include "label_scan.hpp"

namespace canine {

/// Lists the rejected rows in bad_rows.csv of `folder` (removed where there are none), says which rows are left out,
/// and warns of `findings` in the forms of codes (CodeForms). Throws DataError with counts, examples, these findings
/// and the flag that helps if rows were rejected that may not be left out.
void report_rejected(const LabelScan& scan, const std::vector<std::string>& findings, const PrepareOptions& options,
                     const std::filesystem::path& folder);

}  // namespace canine
