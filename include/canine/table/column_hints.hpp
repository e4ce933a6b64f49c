#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace canine {

/// 'a', 'b', 'c' for messages; long lists are cut, and what cannot be seen is escaped: '\u00A0a'.
std::string list_of_names(const std::vector<std::string>& names);

/// Why a file may lack these columns, as sentences behind a blank ("" if nothing is known of it): a column of the file
/// differs only in what is hard to see (blanks, case, the form of accents, invisible characters), which is then shown
/// escaped; the fields seem to be separated by something else; a folder of the path says `column=value`, as those of a
/// partitioned data set do; the first line seems to be a row.
std::string absent_column_hint(const std::filesystem::path& path, const std::vector<std::string>& present,
                               const std::vector<std::string>& absent);

/// What to do with a file whose names of columns hold another separator (`;`, tab, `|`) oftener than they are separated
/// by the one that is read, as sentences; "" for others.
std::string separator_hint(const std::filesystem::path& path, const std::vector<std::string>& names);

/// Asks behind a blank whether the first line is a row, where one of the names is a number; else "".
std::string missing_header_hint(const std::vector<std::string>& names);

}  // namespace canine
