#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "canine/table/table.hpp"
#include "canine/table/table_writer.hpp"

namespace canine {

/// A table file written front to back that appears whole at commit() or not at all.
class OutputFile {
 public:
  virtual ~OutputFile() = default;

  /// Appends the rows of a table that has these columns, numbers as text.
  virtual void append(const Table& table) = 0;
  virtual void commit() = 0;
};

/// Both throw CannotWriteError and IoError.
std::unique_ptr<OutputFile> make_csv_file(const std::filesystem::path& path, const std::vector<OutputColumn>& columns);
std::unique_ptr<OutputFile> make_parquet_file(const std::filesystem::path& path,
                                              const std::vector<OutputColumn>& columns);

/// The header line of a CSV file.
std::string csv_header(const std::vector<OutputColumn>& columns);

}  // namespace canine
