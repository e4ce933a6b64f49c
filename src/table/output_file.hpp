#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "byte_sink.hpp"
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

/// Both throw IoError; `path` is for messages.
std::unique_ptr<OutputFile> make_csv_file(std::unique_ptr<ByteSink> sink, const std::vector<OutputColumn>& columns,
                                          char separator);
std::unique_ptr<OutputFile> make_parquet_file(std::unique_ptr<ByteSink> sink, const std::vector<OutputColumn>& columns,
                                              const std::filesystem::path& path);

/// The header line of a CSV file.
std::string csv_header(const std::vector<OutputColumn>& columns, char separator = ',');

}  // namespace canine
