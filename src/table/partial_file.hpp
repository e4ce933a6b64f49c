#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace canine {

/// A file that grows at its end over several runs, held by one process at a time (flock, released by the system however
/// the process ends).
class PartialFile {
 public:
  /// Opens the file or makes it. Throws CannotWriteError if it cannot be, or if another process holds it.
  explicit PartialFile(std::filesystem::path path);
  ~PartialFile();
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  uint64_t size() const { return size_; }

  /// Keeps the first `size` bytes.
  void cut(uint64_t size);

  void append(std::string_view bytes);

  /// What was appended survives a power cut from here on.
  void sync();

 private:
  [[noreturn]] void fail(std::string_view what) const;

  std::filesystem::path path_;
  int fd_ = -1;
  uint64_t size_ = 0;
};

}  // namespace canine
