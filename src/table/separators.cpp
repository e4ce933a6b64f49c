#include "separators.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "canine/core/ascii_lower.hpp"
#include "canine/core/errors.hpp"
#include "canine/table/column_hints.hpp"

namespace canine {
namespace {

std::string_view spelled(char separator) {
  switch (separator) {
    case '\t':
      return "tabs";
    case ',':
      return "commas";
    case ';':
      return "';'";
    default:
      return "'|'";
  }
}

/// How to get a file with the separator that is read.
std::string way_out(char separator) {
  if (separator == '\t') return "Give the file a name that ends in .tsv";
  if (separator == ',') return "Give the file a name that ends in .csv";
  return fmt::format(
      "Write it with commas: python3 -c \"import csv, sys; sys.stdin.reconfigure(encoding='utf-8-sig', newline=''); "
      "csv.writer(sys.stdout).writerows(csv.reader(sys.stdin, delimiter='{}'))\" < OLD > NEW",
      separator);
}

}  // namespace

std::string lower_extension(const std::filesystem::path& path) {
  constexpr auto kPacked = std::to_array<std::string_view>({".gz", ".bz2", ".zst", ".lz4"});
  std::filesystem::path name = ascii_lower(path.filename().string());
  if (std::ranges::find(kPacked, name.extension().string()) != kPacked.end()) name = name.stem();
  return name.extension().string();
}

char separator_of(const std::filesystem::path& path) {
  const std::string extension = lower_extension(path);
  return extension == ".tsv" || extension == ".tab" ? '\t' : ',';
}

bool is_separator_line(const std::filesystem::path& path, const std::vector<std::string>& fields) {
  constexpr std::string_view kMark = "sep=";
  const std::string first = ascii_lower(fields[0]);
  if (!first.starts_with(kMark)) return false;
  if (fields.size() == 2 && first == kMark && fields[1].empty()) return true;  // cut at the separator itself
  const bool is_padded =
      fields.size() > 2 && first == kMark && std::ranges::all_of(fields.begin() + 1, fields.end(), &std::string::empty);
  if (is_padded) return true;  // `sep=,,,`: a program that gives every line as many fields
  if (fields.size() > 1 || first.size() != kMark.size() + 1) return false;
  if (first.back() == separator_of(path)) return true;  // in quotes, so that it was not cut there
  throw DataError(
      "{}: the first line says that {} separate the fields (a note for Excel), but {} are expected. Delete this line. "
      "{}",
      path.string(), spelled(first.back()), spelled(separator_of(path)), way_out(first.back()));
}

std::string separator_hint(const std::filesystem::path& path, const std::vector<std::string>& names) {
  const auto num_read = std::ssize(names) - 1;
  // "job, exact;lang": what is read stands in texts, where a blank follows.
  const bool is_of_texts =
      std::ranges::all_of(names.begin() + 1, names.end(), [](const auto& name) { return name.starts_with(' '); });
  for (const char separator : {';', '\t', '|', ','}) {
    int64_t count = 0;
    for (const std::string& name : names) count += std::ranges::count(name, separator);
    const bool is_likelier = count > num_read || (count == num_read && count > 0 && is_of_texts);
    if (separator == separator_of(path) || !is_likelier) continue;
    return fmt::format("The fields seem to be separated by {} where {} are expected. {}", spelled(separator),
                       spelled(separator_of(path)), way_out(separator));
  }
  return "";
}

}  // namespace canine
