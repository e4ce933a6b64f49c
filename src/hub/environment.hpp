#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace canine {

/// A variable of the environment that is set to something.
std::optional<std::string> variable(const char* name);

/// The same as a path, with "~" resolved.
std::optional<std::filesystem::path> path_variable(const char* name);

/// True for "1", "on", "yes" and "true" in any case, as huggingface_hub has it.
bool flag_variable(const char* name);

}  // namespace canine
