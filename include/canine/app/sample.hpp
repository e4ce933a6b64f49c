#pragma once

#include <filesystem>

namespace canine {

/// Finds configs/sample.yaml, the settings of the bundled sample run, beside a program: in share/canine next to the
/// program's folder (installed, and in build trees) or two folders above (a build tree inside the sources). Paths in it
/// start from the folder that holds configs/. Throws UsageError naming the places.
std::filesystem::path find_sample_config(const std::filesystem::path& program);

/// Path of the running program's file.
std::filesystem::path running_program();

/// First of canine-sample, canine-sample-2, ... in `parent` that holds no finished run (is_finished).
std::filesystem::path sample_folder(const std::filesystem::path& parent);

/// True if the run in `folder` came to its end: result.json is there.
bool is_finished(const std::filesystem::path& folder);

}  // namespace canine
