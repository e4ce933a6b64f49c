#pragma once

#include <filesystem>
#include <span>
#include <string_view>

namespace canine {

/// A file and the option (without hyphens) that names it; an empty path = not given.
struct NamedFile {
  std::string_view option;
  std::filesystem::path path;
};

/// Before any work: throws UsageError naming option and path where an output names no file or a folder, or is one of
/// the inputs or another output, under whatever name.
void check_output_files(std::span<const NamedFile> outputs, std::span<const NamedFile> inputs);

/// Throws CannotWriteError unless the folder of each output is there and may be written to. Apart from the check above,
/// because only the process that writes needs it.
void require_output_folders(std::span<const NamedFile> outputs);

}  // namespace canine
