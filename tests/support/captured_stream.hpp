#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "support/temporary_folder.hpp"

namespace canine::testing {

/// What this process writes to a file descriptor (1 = stdout, 2 = stderr) while the object lives.
class CapturedStream {
 public:
  explicit CapturedStream(int descriptor) : descriptor_(descriptor), kept_(::dup(descriptor)) {
    std::fflush(nullptr);
    const int file = ::open((folder_ / "text").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(file, descriptor_);
    ::close(file);
  }
  ~CapturedStream() {
    std::fflush(nullptr);
    ::dup2(kept_, descriptor_);
    ::close(kept_);
  }
  CapturedStream(const CapturedStream&) = delete;
  CapturedStream& operator=(const CapturedStream&) = delete;

  std::string text() const {
    std::fflush(nullptr);
    std::ifstream file(folder_ / "text", std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  TemporaryFolder folder_;
  int descriptor_;
  int kept_;
};

}  // namespace canine::testing
