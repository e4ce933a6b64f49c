#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "canine/core/file.hpp"
#include "support/temporary_folder.hpp"

namespace canine::testing {

/// What is written to a file descriptor while the object lives.
class Captured {
 public:
  explicit Captured(int fd) : fd_(fd), saved_(::dup(fd)) {
    const int file = ::open((folder_ / "text").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ::dup2(file, fd);
    ::close(file);
  }
  ~Captured() {
    ::dup2(saved_, fd_);
    ::close(saved_);
  }
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;

  std::string text() const { return read_file(folder_ / "text"); }

 private:
  TemporaryFolder folder_;
  int fd_;
  int saved_;
};

inline std::filesystem::path write_text(const std::filesystem::path& path, std::string_view text) {
  write_file(path, text, false);
  return path;
}

}  // namespace canine::testing
