#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "canine/data/prepare.hpp"
#include "prepared_files.hpp"

namespace canine {

/// Flags that shape the files with their values as JSON text.
using ShapingOptions = std::vector<std::pair<std::string, std::string>>;

/// prepared.json: what the prepared files were made of and how, so that they are used again only for the same thing.
struct PreparedManifest {
  std::string source_name;  ///< as given to --dataset
  uint64_t source_size = 0;
  std::string source_sha256;
  ShapingOptions options;
  FileRecord train, val, key;

  /// Writes the file atomically.
  void write(const std::filesystem::path& path) const;

  /// Throws DataError if the file is not such a manifest.
  static PreparedManifest read(const std::filesystem::path& path);
};

ShapingOptions shaping_options(const PrepareOptions& options);

/// Flags that were others when the files were prepared, one line each.
std::vector<std::string> option_differences(const PreparedManifest& manifest, const PrepareOptions& options);

/// What is different between the prepared files' making and the wishes of now, one line each: flags, the source (if it
/// is given and there), and files that are not as they were written.
std::vector<std::string> differences(const PreparedManifest& manifest, const PrepareOptions& options,
                                     const std::filesystem::path& folder);

}  // namespace canine
