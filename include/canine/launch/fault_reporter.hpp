#pragma once

#include <cstdint>
#include <filesystem>

namespace canine {

/// Last words of a process that ends by a bug: for SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT one line on stderr
/// ("error: rank 1: signal 11 (SIGSEGV) in step 12, process 4711") and the launcher's error file, then the signal's
/// default action; for an exception that nobody catches the same with its text, then abort. The signal handlers use
/// async-signal-safe calls and prepared memory only, and a stack of their own in the calling thread, so that running
/// out of stack is reported too. Process-wide and for the rest of the process; call once, early, in the main thread.
/// `error_file` may be "" (error_file.hpp). Throws nothing.
void install_fault_reporter(int rank, const std::filesystem::path& error_file);

/// The step named in those lines; -1 = none. Cheap enough for every step.
void note_step(int64_t step);

}  // namespace canine
