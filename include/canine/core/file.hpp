#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace canine {

/// Bytes of a whole file. Throws IoError (what, path, errno text), or DataError when it is larger than `limit` bytes.
std::string read_file(const std::filesystem::path& path, uint64_t limit = uint64_t{1} << 40);

/// A regular file open for positioned reads (pread), so that several threads may read and a file that shrinks is an
/// error instead of a signal.
class RandomAccessFile {
 public:
  /// Throws IoError if the file cannot be opened or is not a regular file.
  explicit RandomAccessFile(std::filesystem::path path);
  ~RandomAccessFile();
  RandomAccessFile(const RandomAccessFile&) = delete;
  RandomAccessFile& operator=(const RandomAccessFile&) = delete;

  uint64_t size() const { return size_; }
  const std::filesystem::path& path() const { return path_; }

  /// Fills `out` from byte `offset`. Throws IoError when the file ends before.
  void read(uint64_t offset, std::span<std::byte> out) const;

 private:
  std::filesystem::path path_;
  int fd_ = -1;
  uint64_t size_ = 0;
};

/// A file that appears under its name whole or not at all: written aside as `<name>.tmp.<pid>`, synced, renamed, and
/// the folder synced. Without commit() the aside file is removed.
class AtomicFile {
 public:
  /// Throws CannotWriteError if the aside file cannot be made.
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Appends bytes through a buffer. Throws IoError (a full disk says so) and the file is not committed.
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);

  /// Bytes written so far.
  uint64_t size() const { return size_; }

  /// Flushes, syncs and renames. `sync` false leaves out fsync (for files that can be made again).
  void commit(bool sync = true);

 private:
  void flush();
  void write_all(const std::byte* data, size_t size);

  std::filesystem::path path_;
  std::filesystem::path aside_;
  int fd_ = -1;
  uint64_t size_ = 0;
  std::unique_ptr<std::byte[]> buffer_;
  size_t buffered_ = 0;
};

/// Writes `text` as the whole content of `path`, atomically.
void write_file(const std::filesystem::path& path, std::string_view text, bool sync = true);

/// Appends `text` with one write call and syncs nothing. Throws IoError.
void append_file(const std::filesystem::path& path, std::string_view text);

/// Makes a folder and its parents, and proves by a probe file that it can be written. Throws CannotWriteError.
void make_writable_folder(const std::filesystem::path& folder);

/// fsync of a folder, so that renames in it survive a power cut. Errors are ignored where the file system has no such
/// thing.
void sync_folder(const std::filesystem::path& folder);

}  // namespace canine
