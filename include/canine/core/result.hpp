#pragma once

#include <string_view>

namespace canine {

/// Writes to stdout what the program was started for, a report, a table, a help text, and a line end. Throws IoError if
/// it cannot be written. A reader that has gone (`| head -1`) is none: it has seen what it wanted. Lines about the
/// work, whose results are files, are core/log.hpp's.
void print_result(std::string_view text);

}  // namespace canine
