#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace canine {

/// Exit status of every program of this project.
enum class ExitCode : int {
  kDone = 0,
  kUsage = 2,         ///< wrong flags or impossible values
  kBadData = 65,      ///< an input file says something that cannot be used
  kInternal = 70,     ///< a bug, or numbers that are not finite any more
  kCannotWrite = 73,  ///< an output folder or file cannot be made
  kIo = 74,           ///< reading or writing failed midway
  kStopped = 75,      ///< stopped on request after a good save; start again to resume
  kPeer = 76,         ///< another process or a collective failed
  kCheckpoint = 77,   ///< a checkpoint or weights file was refused
};

/// Base of all errors that end a program on purpose. The message says what was expected, what came, where, and what
/// to do; `exit_code` is what main returns.
class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ExitCode exit_code() const { return code_; }

 private:
  ExitCode code_;
};

/// One class per cause, so that callers can catch what they can mend. The constructor takes a fmt format string.
template <ExitCode kCode>
class ErrorOf : public Error {
 public:
  template <typename... Args>
  explicit ErrorOf(fmt::format_string<Args...> format, Args&&... args)
      : Error(kCode, fmt::format(format, std::forward<Args>(args)...)) {}
};

using UsageError = ErrorOf<ExitCode::kUsage>;
using DataError = ErrorOf<ExitCode::kBadData>;
using InternalError = ErrorOf<ExitCode::kInternal>;
using CannotWriteError = ErrorOf<ExitCode::kCannotWrite>;
using IoError = ErrorOf<ExitCode::kIo>;
using StoppedError = ErrorOf<ExitCode::kStopped>;
using CheckpointError = ErrorOf<ExitCode::kCheckpoint>;
using PeerError = ErrorOf<ExitCode::kPeer>;

}  // namespace canine
