#pragma once

#include <filesystem>
#include <vector>

namespace canine {

/// A folder for outputs, as make_writable_folder makes it (core/file.hpp). Folders that it made and into which nothing
/// has come are removed at its end, so that work that fails before its first file leaves nothing behind.
class NewFolder {
 public:
  /// Throws CannotWriteError.
  explicit NewFolder(const std::filesystem::path& folder);
  ~NewFolder();
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;

 private:
  std::vector<std::filesystem::path> made_;  // the innermost first
};

}  // namespace canine
