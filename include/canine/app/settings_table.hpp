#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "canine/app/option_set.hpp"

namespace canine {

/// One line per setting of a run, under the headings of --help: name, value, and what it means for this run, where
/// `meanings` (by option name) says so. Values that do not stand at their default are marked with '*'. Then the lines
/// of `sizes` under "This run".
std::string settings_table(const OptionSet& options, const std::map<std::string, std::string>& meanings,
                           const std::vector<std::pair<std::string, std::string>>& sizes);

/// "1.23 MiB": sizes in powers of 1024.
std::string format_bytes(double bytes);

}  // namespace canine
