#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <string>

namespace canine {

/// What the program writes to stderr while this object lives.
class CaptureStderr {
 public:
  CaptureStderr() : saved_(::dup(STDERR_FILENO)), captured_(::memfd_create("stderr", MFD_CLOEXEC)) {
    ::dup2(captured_, STDERR_FILENO);
  }
  ~CaptureStderr() {
    ::dup2(saved_, STDERR_FILENO);
    ::close(saved_);
    ::close(captured_);
  }
  CaptureStderr(const CaptureStderr&) = delete;
  CaptureStderr& operator=(const CaptureStderr&) = delete;

  std::string text() const {
    std::string result(static_cast<size_t>(::lseek(captured_, 0, SEEK_END)), '\0');
    return ::pread(captured_, result.data(), result.size(), 0) < 0 ? "" : result;
  }

 private:
  int saved_;
  int captured_;
};

}  // namespace canine
