#include "canine/core/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <tuple>

#include "canine/core/errors.hpp"
#include "canine/core/file_system.hpp"
#include "canine/core/output_path.hpp"
#include "canine/core/stand_in.hpp"
#include "canine/core/write_errors.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

constexpr size_t kBufferBytes = size_t{1} << 20;

std::string errno_text(int error) { return std::generic_category().message(error); }

int open_retry(const char* path, int flags, mode_t mode = 0) {
  int fd = -1;
  do {
    fd = ::open(path, flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

}  // namespace

std::string read_file(const fs::path& path, uint64_t limit) {
  const RandomAccessFile file(path);
  if (file.size() > limit) {
    throw DataError("{}: expected at most {} bytes, the file has {}", path.string(), limit, file.size());
  }
  std::string text(file.size(), '\0');
  file.read(0, std::as_writable_bytes(std::span(text)));
  return text;
}

RandomAccessFile::RandomAccessFile(fs::path path) : path_(std::move(path)) {
  fd_ = open_retry(path_.c_str(), O_RDONLY | O_NONBLOCK);  // a pipe without a writer would be waited for
  if (fd_ < 0) {
    const int error = errno;
    const std::string why = stand_in(path_);
    throw IoError("cannot open {}: {}", path_.string(), why.empty() ? errno_text(error) : why);
  }
  struct stat info {};
  if (::fstat(fd_, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd_);
    throw IoError("cannot read {}: it is not a regular file", path_.string());
  }
  size_ = static_cast<uint64_t>(info.st_size);
}

RandomAccessFile::~RandomAccessFile() { ::close(fd_); }

void RandomAccessFile::read(uint64_t offset, std::span<std::byte> out) const {
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t got = ::pread(fd_, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (got < 0) {
      if (errno == EINTR) continue;
      throw IoError("cannot read {} at byte {}: {}", path_.string(), offset + done, errno_text(errno));
    }
    if (got == 0) {
      throw IoError("{} ends at byte {}, {} more bytes were expected (did it change while being read?)", path_.string(),
                    offset + done, out.size() - done);
    }
    done += static_cast<size_t>(got);
  }
}

AtomicFile::AtomicFile(fs::path path) : path_(regular_output(path)), buffer_(new std::byte[kBufferBytes]) {
  aside_ = path_;
  aside_ += ".tmp." + std::to_string(::getpid());
  ::unlink(aside_.c_str());
  fd_ = open_retry(aside_.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0666);
  if (fd_ < 0) throw CannotWriteError("cannot make {}: {}", aside_.string(), errno_text(errno));
  struct stat former {};
  // Whoever may not read the former file shall not read the new one.
  if (::stat(path_.c_str(), &former) == 0) std::ignore = ::fchmod(fd_, former.st_mode & 0777);
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) {
    ::close(fd_);
    ::unlink(aside_.c_str());
  }
}

void AtomicFile::write_all(const std::byte* data, size_t size) {
  if (const int error = write_fully(fd_, {data, size}).error) {
    throw IoError("cannot write {} ({} bytes were to be added at byte {}): {}", path_.string(), size, size_ - size,
                  write_error_text(error));
  }
}

void AtomicFile::flush() {
  if (buffered_ > 0) write_all(buffer_.get(), buffered_);
  buffered_ = 0;
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  size_ += bytes.size();
  if (buffered_ + bytes.size() > kBufferBytes) flush();
  if (bytes.size() >= kBufferBytes) {
    write_all(bytes.data(), bytes.size());
  } else if (!bytes.empty()) {
    std::memcpy(buffer_.get() + buffered_, bytes.data(), bytes.size());
    buffered_ += bytes.size();
  }
}

void AtomicFile::write(std::string_view text) { write(std::as_bytes(std::span(text))); }

void AtomicFile::commit(bool sync) {
  flush();
  if (const int error = sync ? sync_descriptor(fd_) : 0) {
    throw IoError("cannot sync {}: {}", aside_.string(), errno_text(error));
  }
  if (::close(fd_) != 0) {
    fd_ = -1;
    const int error = errno;
    ::unlink(aside_.c_str());
    throw IoError("cannot close {}: {}", aside_.string(), errno_text(error));
  }
  fd_ = -1;
  if (::rename(aside_.c_str(), path_.c_str()) != 0) {
    const int error = errno;
    ::unlink(aside_.c_str());
    throw IoError("cannot rename {} to {}: {}", aside_.string(), path_.string(), errno_text(error));
  }
  if (sync) sync_folder(path_.has_parent_path() ? path_.parent_path() : fs::path("."));
}

void write_file(const fs::path& path, std::string_view text, bool sync) {
  AtomicFile file(path);
  file.write(text);
  file.commit(sync);
}

void append_file(const fs::path& path, std::string_view text) {
  const int fd = open_retry(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666);
  if (fd < 0) throw IoError("cannot open {} for appending: {}", path.string(), errno_text(errno));
  const int error = write_fully(fd, std::as_bytes(std::span(text))).error;
  ::close(fd);
  if (error != 0) throw IoError("cannot append to {}: {}", path.string(), write_error_text(error));
}

void make_writable_folder(const fs::path& folder) {
  std::error_code error;
  const fs::file_status status = fs::status(folder, error);
  if (fs::exists(status) && !fs::is_directory(status)) {
    throw CannotWriteError("{} is a file, a folder was expected", folder.string());
  }
  if (const std::string why = stand_in(folder); !why.empty()) {
    throw CannotWriteError("{}: {}; make that folder, or remove the link", folder.string(), why);
  }
  fs::create_directories(folder, error);
  if (error) throw CannotWriteError("cannot make the folder {}: {}", folder.string(), error.message());
  probe_folder(folder);
}

void sync_folder(const fs::path& folder) {
  const int fd = open_retry(folder.c_str(), O_RDONLY | O_DIRECTORY);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

}  // namespace canine
