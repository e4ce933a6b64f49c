#pragma once

#include <string>

namespace canine {

/// For the rest of the process a write that cannot be done fails, instead of a signal ending the process: SIGPIPE (the
/// reader has gone, `| head`) and SIGXFSZ (a file would grow beyond `ulimit -f`) are ignored. Every program calls it
/// first (app/run_main.hpp).
void ignore_write_signals();

/// Text of an errno of a failed write. Where the cause is the limit of this process on the size of files, the limit is
/// named with its value: the text of the system, "File too large", says nothing of it.
std::string write_error_text(int error);

}  // namespace canine
