#pragma once

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "canine/core/file.hpp"
#include "test_paths.hpp"

namespace canine::test {

/// Values that PyTorch and transformers computed (peer.py); the script runs once per process.
class Peer {
 public:
  /// Skips the running test where the environment lacks Python with torch and transformers.
  static const Peer& get() {
    static const Peer peer;
    if (peer.folder_.empty()) SKIP("no Python with torch and transformers:  " CANINE_PYTHON);
    return peer;
  }

  ~Peer() {
    std::error_code ignored;
    if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
  }

  template <typename T>
  std::vector<T> read(const std::string& name) const {
    const std::string bytes = read_file(std::filesystem::path(folder_) / name);
    std::vector<T> values(bytes.size() / sizeof(T));
    std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
    return values;
  }

 private:
  Peer() {
    const std::string python = CANINE_PYTHON;
    if (!std::filesystem::exists(python)) return;
    std::string folder = (std::filesystem::temp_directory_path() / "canine_optim_XXXXXX").string();
    REQUIRE(mkdtemp(folder.data()) != nullptr);
    folder_ = folder;
    const std::string command = "OMP_NUM_THREADS=1 " + python + " " CANINE_SOURCE "/tests/optim/peer.py " + folder_;
    REQUIRE(std::system(command.c_str()) == 0);
  }

  std::string folder_;
};

}  // namespace canine::test
