#pragma once

#include <filesystem>
#include <string_view>

namespace canine {

/// Throws UsageError naming the option (without hyphens), the path and the reason unless a regular file is there.
void require_file(std::string_view option, const std::filesystem::path& path);

}  // namespace canine
