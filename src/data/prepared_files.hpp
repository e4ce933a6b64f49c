#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "canine/data/prepare.hpp"
#include "canine/table/table.hpp"
#include "label_scan.hpp"

namespace canine {

/// Names of what preparation writes into a run's folder.
inline constexpr const char* kTrainFile = "data_train.csv";
inline constexpr const char* kValFile = "data_val.csv";
inline constexpr const char* kKeyFile = "key.csv";
inline constexpr const char* kManifestFile = "prepared.json";
inline constexpr const char* kRejectedFile = "bad_rows.csv";
inline constexpr const char* kUnfinishedFile = ".preparation-unfinished";  ///< there while the others are written

/// Size, hash and rows of one file.
struct FileRecord {
  uint64_t size = 0;
  std::string sha256;
  int64_t num_rows = 0;
};

/// Writes data_train.csv or data_val.csv: some rows of the source, as pandas' to_csv writes them.
FileRecord write_rows(const std::filesystem::path& path, const Table& table, const LabelColumns& labels,
                      const PrepareOptions& options, const std::vector<int64_t>& rows);

/// Takes away what marks old prepared data as complete, so that a stop halfway leaves nothing that looks whole.
void remove_old_marks(const std::filesystem::path& folder);

}  // namespace canine
