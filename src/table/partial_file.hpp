#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace canine {

/// A file that grows at its end over several runs, held by one process at a time (flock, released by the system however
/// the process ends).
class PartialFile {
 public:
  /// Opens the file or makes it, and changes nothing in it. Throws CannotWriteError if it cannot be, if it is a link or
  /// no regular file, or if another process holds it.
  explicit PartialFile(std::filesystem::path path);

  /// A file of this process alone in the folder for temporary files, which is gone when the process ends. Its path is
  /// of use in this process only.
  PartialFile();

  ~PartialFile();
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// For messages.
  const std::string& name() const { return name_; }
  uint64_t size() const { return size_; }

  /// Keeps the first `size` bytes. File systems that cannot shorten a file are told of when there is something to cut.
  void cut(uint64_t size);

  void append(std::string_view bytes);

  /// What was appended survives a power cut from here on.
  void sync();

 private:
  [[noreturn]] void fail(std::string_view what, int error) const;

  std::filesystem::path path_;
  std::string name_;
  int fd_ = -1;
  uint64_t size_ = 0;
};

}  // namespace canine
