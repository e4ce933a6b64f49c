#pragma once

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>

#include "support/temporary_folder.hpp"
#include "test_paths.hpp"

namespace canine::testing {

/// Runs a Python program with the project's interpreter (pandas, pyarrow, transformers, torch) in `folder` and returns
/// what it printed. Throws std::runtime_error with the whole output when it fails.
inline std::string run_python(std::string_view program, const std::filesystem::path& folder) {
  const auto read = [](const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const TemporaryFolder own;
  std::ofstream(own / "program.py", std::ios::binary) << program;
  const std::string command =
      fmt::format("cd '{}' && OMP_NUM_THREADS=1 '{}' '{}' > '{}' 2> '{}'", folder.string(), CANINE_PYTHON,
                  (own / "program.py").string(), (own / "out").string(), (own / "err").string());
  if (std::system(command.c_str()) != 0) {
    throw std::runtime_error("the Python program failed:\n" + read(own / "out") + read(own / "err"));
  }
  return read(own / "out");
}

}  // namespace canine::testing
