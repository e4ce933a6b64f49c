#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace canine {

/// Where text for people goes. Results and logs go to stdout, warnings, errors and progress to stderr. A closed stream
/// (`| head -1`) never stops the program: failed writes are dropped.
///
/// `print_*_line` write one whole line with a single system call, so lines of several threads never mix. Where a
/// progress bar is being drawn (report/progress.hpp) it is cleared first and drawn again at its next update.
void print_stdout_line(std::string_view line);
void print_stderr_line(std::string_view line);

/// Called before each line above; progress bars use it to clear themselves. nullptr = nothing. Returns the former one.
using BeforeLine = void (*)();
BeforeLine set_before_line(BeforeLine callback);

/// A line of the run's story on stdout.
template <typename... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  print_stdout_line(fmt::format(format, std::forward<Args>(args)...));
}

/// "note: ...", "warning: ..." and "error: ..." on stderr.
template <typename... Args>
void log_note(fmt::format_string<Args...> format, Args&&... args) {
  print_stderr_line("note: " + fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  print_stderr_line("warning: " + fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  print_stderr_line("error: " + fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace canine
