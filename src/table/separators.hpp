#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace canine {

/// The end of a file's name in lower case, behind that of a packed file left out: ".tsv" for "a.TSV.gz".
std::string lower_extension(const std::filesystem::path& path);

/// What separates the fields of a text file: a tab if its name ends in .tsv or .tab, else a comma.
char separator_of(const std::filesystem::path& path);

/// True for the first line of a file that tells Excel its separator (`sep=,`), if it is the one that is read. Throws
/// DataError if it is another.
bool is_separator_line(const std::filesystem::path& path, const std::vector<std::string>& fields);

}  // namespace canine
