#pragma once

#include <filesystem>

#include "canine/data/code_system.hpp"
#include "canine/decode/prediction_columns.hpp"

namespace canine {

/// Before work that takes longer: throws DataError unless the file has columns of codes and of descriptions.
void check_code_descriptions(const std::filesystem::path& path);

/// Reads what codes mean from a CSV or Parquet file: the code in the first column, the description in the second, or in
/// the columns system_code and desc where the file has them, as in files for the Python program. Codes of digits alone
/// get back the leading zeros that spreadsheets take from them, if the system has no code without. Warns if the system
/// has none of the codes. Throws DataError, IoError.
CodeDescriptions read_code_descriptions(const std::filesystem::path& path, const CodeSystem& codes);

}  // namespace canine
