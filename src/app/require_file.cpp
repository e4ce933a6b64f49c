#include "canine/app/require_file.hpp"

#include "canine/core/errors.hpp"
#include "canine/core/output_path.hpp"
#include "canine/core/stand_in.hpp"
#include "canine/table/folder_hint.hpp"

namespace canine {

namespace fs = std::filesystem;

void require_file(std::string_view option, const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::is_regular_file(status)) return;
  const std::string name = path.string();
  if (fs::is_directory(status)) {
    const std::string hint = folder_hint(path);
    throw UsageError("--{} {}: a file was expected, this is a folder{}{}", option, name, hint.empty() ? "" : ". ",
                     hint);
  }
  if (fs::exists(status) || name == "-") {
    throw UsageError(
        "--{} {}: a file was expected, this is {}. Files are read more than once, so save what comes from there first "
        "(... > saved.csv), and give that file",
        option, name, name == "-" ? "the standard input" : find_output_place(path).description);
  }
  if (status.type() == fs::file_type::not_found) {
    const std::string why = stand_in(path);
    throw UsageError("--{} {}: {}", option, name, why.empty() ? "there is no such file" : why);
  }
  throw UsageError("--{} {}: {}", option, name, error.message());
}

}  // namespace canine
