#include "canine/table/table_format.hpp"

#include <algorithm>
#include <cctype>
#include <string>

namespace canine {

std::optional<TableFormat> table_format(const std::filesystem::path& name) {
  std::string text = name.filename().string();
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto take = [&](std::string_view ending) {
    const bool has = text.size() > ending.size() && text.ends_with(ending);
    if (has) text.resize(text.size() - ending.size());
    return has;
  };
  TableFormat format;
  format.parquet = take(".parquet");
  if (format.parquet) return format;
  format.gzip = take(".gz");
  if (take(".csv")) return format;
  format.separator = '\t';
  return take(".tsv") ? std::optional(format) : std::nullopt;
}

}  // namespace canine
