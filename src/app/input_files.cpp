#include "canine/app/input_files.hpp"

#include <glob.h>

#include <algorithm>

#include "canine/app/require_file.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/log.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

/// Names that match, sorted by their bytes, so that all machines have the same order.
std::vector<std::string> matches(std::string_view option, const std::string& pattern) {
  glob_t found{};
  const int code = ::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found);
  std::vector<std::string> names(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  ::globfree(&found);
  if (code == GLOB_NOMATCH) throw UsageError("--{} {}: no file matches this pattern", option, pattern);
  if (code != 0) throw UsageError("--{} {}: the folders of this pattern cannot be read", option, pattern);
  std::ranges::sort(names);
  return names;
}

}  // namespace

std::vector<fs::path> find_input_files(std::string_view option, const std::vector<std::string>& names) {
  std::vector<fs::path> files;
  for (const std::string& name : names) {
    std::error_code ignored;
    const bool is_pattern = name.find_first_of("*?[") != std::string::npos && !fs::exists(name, ignored);
    for (const std::string& file : is_pattern ? matches(option, name) : std::vector<std::string>{name}) {
      require_file(option, file);
      if (std::ranges::find(files, fs::path(file)) != files.end()) {
        log_note("--{}: {} is given more than once, so its rows count more than once", option, file);
      }
      files.emplace_back(file);
    }
  }
  return files;
}

}  // namespace canine
