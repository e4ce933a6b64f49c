#include "canine/table/table_format.hpp"

#include <string>

#include "canine/core/ascii_lower.hpp"

namespace canine {

std::optional<TableFormat> table_format(const std::filesystem::path& name) {
  std::string text = ascii_lower(name.filename().string());
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
