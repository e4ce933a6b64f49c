#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace canine {

/// Before work that takes longer than reading the names of columns: throws DataError naming file and columns, as
/// reading the rows would, unless each of the files has all of `columns`.
void require_columns(std::span<const std::filesystem::path> files, const std::vector<std::string>& columns);

/// The same for rows: throws DataError for the first one that cannot be read (too many fields, a bad byte, an open
/// quote). Of Parquet files only `column` is read, which all files must have. What looks wrong and can be read is told
/// when the files are read for good.
void require_rows(std::span<const std::filesystem::path> files, const std::string& column);

/// The columns of files for training and evaluation: descriptions, languages, codes.
std::vector<std::string> labelled_columns(const std::vector<std::string>& target_cols);

}  // namespace canine
