#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "canine/core/file.hpp"
#include "canine/table/file_kind.hpp"

namespace canine {

/// The bytes of a file from front to back, unpacked if the file is compressed.
class ByteSource {
 public:
  virtual ~ByteSource() = default;

  virtual const std::filesystem::path& path() const = 0;

  /// Fills `out`; gives fewer bytes at the end only. Returns how many. Throws IoError, DataError (damaged file).
  virtual size_t read(std::span<std::byte> out) = 0;

  /// Bytes given so far.
  virtual uint64_t position() const = 0;

  /// Bytes that there are in all; nothing is known of a compressed file, which gives UINT64_MAX.
  virtual uint64_t size() const = 0;

  /// Part of the file in front of position(), in [0, 1].
  virtual double share_read() const = 0;
};

/// A file as it is.
class FileSource : public ByteSource {
 public:
  explicit FileSource(std::unique_ptr<RandomAccessFile> file) : file_(std::move(file)) {}
  explicit FileSource(const std::filesystem::path& path) : FileSource(std::make_unique<RandomAccessFile>(path)) {}

  const std::filesystem::path& path() const override { return file_->path(); }
  size_t read(std::span<std::byte> out) override;
  uint64_t position() const override { return position_; }
  uint64_t size() const override { return file_->size(); }
  double share_read() const override;

 private:
  std::unique_ptr<RandomAccessFile> file_;
  uint64_t position_ = 0;
};

/// A file of a known packing. Throws DataError if it holds something else than text, seen from its first bytes.
std::unique_ptr<ByteSource> make_unpacking_source(std::unique_ptr<RandomAccessFile> file, const FileKind& kind);

}  // namespace canine
