#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace canine {

/// A lock that processes hold one at a time: flock on a file that stays, as the Python package filelock has it, on
/// which huggingface_hub builds. The system releases it when the process ends.
class FileLock {
 public:
  /// Waits for it, with a note that says what for. Where the file system has no such locks, a note says so and there is
  /// none. Throws CannotWriteError if the file cannot be made.
  static FileLock acquire(const std::filesystem::path& path, const std::string& what);

  /// nullopt if somebody else has it.
  static std::optional<FileLock> try_acquire(const std::filesystem::path& path);

  ~FileLock();
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&&) = delete;

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_;  // -1 = moved from
};

}  // namespace canine
