#include "canine/table/folder_hint.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <system_error>
#include <vector>

namespace canine {
namespace {

namespace fs = std::filesystem;

constexpr int kMostLevels = 8;

/// Entries of a folder, sorted; none if it cannot be read.
std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    entries.push_back(entry->path());
  }
  std::ranges::sort(entries);
  return entries;
}

std::string hint_of(const fs::path& folder, const std::string& pattern, const std::vector<std::string>& columns) {
  std::string hint = fmt::format("It is a folder of files: where several are taken, give '{}'", pattern);
  if (columns.empty()) return hint;
  return hint + fmt::format(
                    "; but the column{} {} {} in the names of its folders only (a partitioned data set). Write it as "
                    "one file: python3 -c \"import pandas; pandas.read_parquet('{}').to_parquet('NEW.parquet')\"",
                    columns.size() == 1 ? "" : "s", fmt::join(columns, ", "), columns.size() == 1 ? "is" : "are",
                    folder.string());
}

}  // namespace

std::string folder_hint(const fs::path& folder) {
  std::string pattern = folder.string();
  while (pattern.size() > 1 && pattern.back() == '/') pattern.pop_back();
  std::vector<std::string> columns;
  fs::path level = folder;
  for (int depth = 0; depth < kMostLevels; ++depth) {
    const std::vector<fs::path> entries = entries_of(level);
    for (const char* extension : {".parquet", ".csv"}) {
      const auto is_file = [&](const fs::path& path) {
        std::error_code ignored;
        return path.extension() == extension && fs::is_regular_file(path, ignored);
      };
      if (std::ranges::any_of(entries, is_file)) return hint_of(folder, pattern + "/*" + extension, columns);
    }
    const auto part = std::ranges::find_if(entries, [](const fs::path& path) {
      std::error_code ignored;
      return path.filename().string().find('=') != std::string::npos && fs::is_directory(path, ignored);
    });
    if (part == entries.end()) return "";
    const std::string name = part->filename().string();
    columns.push_back(name.substr(0, name.find('=')));
    pattern += "/*";
    level = *part;
  }
  return "";
}

}  // namespace canine
