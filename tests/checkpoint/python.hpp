#pragma once

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <memory>
#include <string>

#include "test_paths.hpp"

namespace canine {

struct PythonResult {
  int exit_code = -1;
  std::string output;  ///< stdout and stderr
};

/// Runs tests/checkpoint/peer.py with these arguments: PyTorch itself as the judge of what we read and write.
inline PythonResult run_peer(const std::string& arguments) {
  const std::string command =
      "OMP_NUM_THREADS=1 '" CANINE_PYTHON "' '" CANINE_SOURCE "/tests/checkpoint/peer.py' " + arguments + " 2>&1";
  PythonResult result;
  FILE* pipe = ::popen(command.c_str(), "r");
  if (!pipe) return result;
  std::array<char, 4096> buffer{};
  while (const size_t got = std::fread(buffer.data(), 1, buffer.size(), pipe)) result.output.append(buffer.data(), got);
  const int status = ::pclose(pipe);
  if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
  return result;
}

}  // namespace canine
