#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

namespace canine {

/// Where text for people goes. Logs (and results, result.hpp) go to stdout, warnings, errors and progress to stderr. A
/// stream that cannot be written never stops the program: one warning tells of it, unless a reader has gone (`| head`).
///
/// `print_*_line` write one whole line with a single system call, so lines of several threads never mix. Where a
/// progress bar is being drawn (report/progress.hpp) it is cleared first and drawn again at its next update.
void print_stdout_line(std::string_view line);
void print_stderr_line(std::string_view line);

/// Called before each line above; progress bars use it to clear themselves. nullptr = nothing. Returns the former one.
using BeforeLine = void (*)();
BeforeLine set_before_line(BeforeLine callback);

/// One of several processes says who it is: `tag` ("[rank 1 host b] ") stands before its warnings and errors, and with
/// `quiet` its story and notes, which are the same in every process, are left to another one.
void set_log_role(std::string tag, bool quiet);
bool log_is_quiet();
/// The tag, "" for a process of its own.
const std::string& log_tag();

/// A line of the run's story on stdout.
template <typename... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  if (log_is_quiet()) return;
  print_stdout_line(fmt::format(format, std::forward<Args>(args)...));
}

/// "note: ...", "warning: ..." and "error: ..." on stderr.
template <typename... Args>
void log_note(fmt::format_string<Args...> format, Args&&... args) {
  if (log_is_quiet()) return;
  print_stderr_line("note: " + fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  print_stderr_line(log_tag() + "warning: " + fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  print_stderr_line(log_tag() + "error: " + fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace canine
