#pragma once

#include <functional>

namespace canine {

/// Runs the body of a program and returns its exit status: what the body returns, or the code of the error that it
/// throws, which is written to stderr as "error: ..." and into the launcher's error file (torchrun). Errors of LibTorch
/// come without their stack traces.
///
/// Before: the current folder is left out of LD_LIBRARY_PATH (library_path.hpp), standard streams that are closed are
/// opened on /dev/null, so that no file of the program ever gets their numbers, and writes that cannot be done fail
/// instead of ending the program by a signal (core/write_errors.hpp).
int run_main(const std::function<int()>& body);

}  // namespace canine
