#include "canine/app/require_file.hpp"

#include "canine/core/errors.hpp"
#include "canine/core/output_path.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

/// Whether the folder holds one table in many files, in folders called after the values of a column (lang=da/...).
bool is_partitioned(const fs::path& folder) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (entry.is_directory(ignored) && entry.path().filename().string().find('=') != std::string::npos) return true;
  }
  return false;
}

UsageError folder_refusal(std::string_view option, const fs::path& path) {
  if (!is_partitioned(path)) {
    return UsageError("--{} {}: a file was expected, this is a folder", option, path.string());
  }
  return UsageError(
      "--{} {}: a file was expected, this is a folder with one table in many files, where a column stands in the names "
      "of folders; make one file of it first: pandas.read_parquet('{}').to_parquet('one.parquet')",
      option, path.string(), path.string());
}

}  // namespace

void require_file(std::string_view option, const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::is_regular_file(status)) return;
  const std::string name = path.string();
  if (fs::is_directory(status)) throw folder_refusal(option, path);
  if (fs::exists(status) || name == "-") {
    throw UsageError(
        "--{} {}: a file was expected, this is {}. Files are read more than once, so save what comes from there first "
        "(... > saved.csv), and give that file",
        option, name, name == "-" ? "the standard input" : find_output_place(path).description);
  }
  if (status.type() == fs::file_type::not_found) throw UsageError("--{} {}: {}", option, name, absence_of(path));
  throw UsageError("--{} {}: {}", option, name, error.message());
}

}  // namespace canine
