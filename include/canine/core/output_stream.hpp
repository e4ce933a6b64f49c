#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace canine {

/// Data that goes to a descriptor which whoever started the program has opened (core/output_path.hpp): the standard
/// output, or the /dev/fd/N of a shell's `>(command)`. Bytes are written as they come, and nothing can be taken back.
class OutputStream {
 public:
  /// Throws UsageError if the name means no descriptor that may be written to, or that of the messages.
  explicit OutputStream(const std::filesystem::path& name);
  ~OutputStream();
  OutputStream(const OutputStream&) = delete;
  OutputStream& operator=(const OutputStream&) = delete;

  /// Throws IoError; a reader that has ended is named so.
  void write(std::span<const std::byte> bytes);

  uint64_t size() const { return size_; }

 private:
  std::string name_;
  int fd_ = -1;
  uint64_t size_ = 0;
};

/// From now on only OutputStreams reach the standard output: lines for people go to stderr, so that they do not mix
/// with the data. To be called before the first of them. More calls do nothing.
void keep_standard_output_for_data();

}  // namespace canine
