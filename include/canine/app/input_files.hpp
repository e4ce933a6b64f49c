#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace canine {

/// The files that names and glob patterns (*, ?, [...]) stand for, in the order given, those of a pattern sorted. What
/// is there under that very name is never a pattern. A note names files that come up twice. Throws UsageError naming
/// the option (without hyphens): a pattern that matches nothing, a name that is no file.
std::vector<std::filesystem::path> find_input_files(std::string_view option, const std::vector<std::string>& names);

}  // namespace canine
