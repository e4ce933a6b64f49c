#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace canine {

/// For the rest of the process a write that cannot be done fails, instead of a signal ending the process: SIGPIPE (the
/// reader has gone, `| head`) and SIGXFSZ (a file would grow beyond `ulimit -f`) are ignored. Every program calls it
/// first (app/run_main.hpp).
void ignore_write_signals();

/// What a call of write_fully came to.
struct Written {
  size_t bytes = 0;
  int error = 0;  ///< errno of the call that failed, 0 if all bytes were written
};

/// Writes all bytes, in as many calls as it takes. Where somebody who shares the descriptor has made it non-blocking,
/// it waits.
Written write_fully(int fd, std::span<const std::byte> bytes);

/// Text of an errno of a failed write. Where the cause is the limit of this process on the size of files, the limit is
/// named with its value: the text of the system, "File too large", says nothing of it.
std::string write_error_text(int error);

}  // namespace canine
