#include "partial_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "canine/core/errors.hpp"
#include "canine/core/write_errors.hpp"

namespace canine {
namespace {

std::string errno_text() { return std::generic_category().message(errno); }

}  // namespace

PartialFile::PartialFile(std::filesystem::path path) : path_(std::move(path)) {
  fd_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (fd_ < 0) throw CannotWriteError("cannot make {}: {}", path_.string(), errno_text());
  struct stat info {};
  if (::flock(fd_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(fd_);
    throw CannotWriteError("{}: another process is writing this file; give another name, or wait for its end",
                           path_.string());
  }
  if (::fstat(fd_, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd_);
    throw CannotWriteError("cannot write {}: it is not a regular file", path_.string());
  }
  size_ = static_cast<uint64_t>(info.st_size);
}

PartialFile::~PartialFile() { ::close(fd_); }

void PartialFile::fail(std::string_view what) const {
  throw IoError("cannot {} {} at byte {}: {}", what, path_.string(), size_, write_error_text(errno));
}

void PartialFile::cut(uint64_t size) {
  if (::ftruncate(fd_, static_cast<off_t>(size)) != 0) fail("cut");
  size_ = size;
}

void PartialFile::append(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      fail("write");
    }
    bytes.remove_prefix(static_cast<size_t>(written));
    size_ += static_cast<uint64_t>(written);
  }
}

void PartialFile::sync() {
  if (::fsync(fd_) != 0) fail("sync");
}

}  // namespace canine
