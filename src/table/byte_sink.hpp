#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

namespace canine {

/// Where the bytes of a table go, front to back.
class ByteSink {
 public:
  virtual ~ByteSink() = default;

  /// Throws IoError.
  virtual void write(std::span<const std::byte> bytes) = 0;
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }

  /// Bytes taken so far.
  virtual uint64_t size() const = 0;

  /// The end. A file is under its name from then on, and without this never.
  virtual void commit() = 0;
};

/// A file (AtomicFile), or an open descriptor where the path names one (OutputStream). Throws CannotWriteError.
std::unique_ptr<ByteSink> make_sink(const std::filesystem::path& path);

/// Packs what it is given into `target` as gzip does. size() is that of the unpacked bytes.
std::unique_ptr<ByteSink> make_gzip_sink(std::unique_ptr<ByteSink> target);

}  // namespace canine
