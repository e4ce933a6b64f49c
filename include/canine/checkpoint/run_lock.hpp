#pragma once

#include <filesystem>

namespace canine {

/// Keeps a second run out of a folder: an flock on `<folder>/.lock`, which the system releases when the process ends
/// however it ends. The file names host and process for the message.
class RunLock {
 public:
  /// Throws CannotWriteError naming the run that holds the folder.
  explicit RunLock(const std::filesystem::path& folder);
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  std::filesystem::path path_;
  int fd_ = -1;
};

}  // namespace canine
