#pragma once

#include <filesystem>
#include <string>

namespace canine {

/// What to give in place of a folder where a data file is expected, as sentences: the pattern of the CSV or Parquet
/// files in it and, if its folders are called `column=value` (a partitioned data set), how to write it as one file with
/// these columns. "" for a folder without such files.
std::string folder_hint(const std::filesystem::path& folder);

}  // namespace canine
