#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "canine/launch/launch_context.hpp"

namespace canine {

/// Why a rank failed, as torchrun's agent reads it to name the root cause of a job's failure.
struct FaultReport {
  std::string message;  ///< any bytes; what is not UTF-8 is replaced
  std::chrono::system_clock::time_point first_seen = std::chrono::system_clock::now();
  bool secondary = false;  ///< this rank only lost a peer
};

/// Path of TORCHELASTIC_ERROR_FILE, or "" where the launcher wants none.
std::filesystem::path launcher_error_file(const Environment& environment);

/// The file's content: {"message": {"message": TEXT, "extraInfo": {"timestamp": SECONDS}}}.
/// The agent takes the smallest timestamp of all ranks for the root cause, and for a rank without a file (killed by a
/// signal) the time at which it saw it end. So a secondary fault is dated a minute later than it was seen, and says so.
std::string error_file_text(const FaultReport& report);

/// Writes the file, whole or not at all, at most once per process: the first fault is the one to name. Returns whether
/// this call wrote it. "" writes nothing; a folder that is gone is a warning, since something worse is being reported.
bool write_error_file(const std::filesystem::path& path, const FaultReport& report);

}  // namespace canine
