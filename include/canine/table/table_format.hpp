#pragma once

#include <filesystem>
#include <optional>

namespace canine {

/// How a table is written.
struct TableFormat {
  bool parquet = false;
  char separator = ',';  ///< of CSV
  bool gzip = false;
};

/// By the end of the name, in any case: .parquet, .csv, .tsv (tabs), and the last two followed by .gz. nullopt for
/// other names.
std::optional<TableFormat> table_format(const std::filesystem::path& name);

/// The ends of names, for messages.
inline constexpr const char* kTableEndings = ".csv, .tsv, .csv.gz, .tsv.gz or .parquet";

}  // namespace canine
