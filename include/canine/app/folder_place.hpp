#pragma once

#include <filesystem>

namespace canine {

/// Before work that takes long: throws CannotWriteError if the folder of a run can surely not be made or written to,
/// because something else has its name or that of a folder above it, or because nobody may write there. Writes nothing.
void require_folder_place(const std::filesystem::path& folder);

}  // namespace canine
