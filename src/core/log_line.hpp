#pragma once

#include <string_view>

namespace canine {

/// Writes a whole line as print_*_line do (core/log.hpp). Returns the errno if that failed, 0 where the reader has
/// gone.
int write_line(int fd, std::string_view line);

}  // namespace canine
