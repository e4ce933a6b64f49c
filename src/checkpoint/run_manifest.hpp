#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace canine {

/// What was known of a checkpoint when it was written.
struct ManifestEntry {
  std::string file;  ///< "{step}.bin"
  uint64_t bytes = 0;
  std::string sha256;
  int64_t step = 0;
  std::string metric_name;  ///< "" = none
  std::optional<double> metric;
  std::string time;  ///< of writing, UTC
};

/// checkpoints.json of a run folder: its checkpoints in the order in which they were saved.
class RunManifest {
 public:
  /// Reads the folder's manifest; one that cannot be read is named in a warning and taken as empty.
  static RunManifest read(const std::filesystem::path& folder);

  void write(const std::filesystem::path& folder) const;

  const std::vector<ManifestEntry>& entries() const { return entries_; }

  const ManifestEntry* find(const std::string& file) const;

  /// An entry of exactly this content, whatever its name.
  const ManifestEntry* find_content(uint64_t bytes, const std::string& sha256) const;

  /// Adds an entry as the newest one, in place of one of the same file.
  void add(ManifestEntry entry);

  void remove(const std::string& file);

  /// False if there is no such file.
  bool set_metric(const std::string& file, const std::string& name, double value);

 private:
  std::vector<ManifestEntry> entries_;
};

/// The step of a name "{step}.bin", or nullopt.
std::optional<int64_t> step_of_name(const std::string& file);

}  // namespace canine
