#include "partial_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <span>
#include <string>
#include <system_error>

#include "canine/core/errors.hpp"
#include "canine/core/file_system.hpp"
#include "canine/core/write_errors.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

std::string errno_text(int error) { return std::generic_category().message(error); }

}  // namespace

PartialFile::PartialFile(fs::path path) : path_(std::move(path)), name_(path_.string()) {
  fd_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
  if (fd_ < 0) {
    const int error = errno;
    throw CannotWriteError("cannot make {}: {}", path_.string(),
                           error == ELOOP ? "there is a link of this name; move it away" : errno_text(error));
  }
  struct stat info {};
  if (::fstat(fd_, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd_);
    throw CannotWriteError("cannot write {}: it is not a regular file", path_.string());
  }
  if (::flock(fd_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(fd_);
    throw CannotWriteError("{}: another process is writing this file; give another name, or wait for its end",
                           path_.string());
  }
  size_ = static_cast<uint64_t>(info.st_size);
}

PartialFile::PartialFile() {
  std::error_code error;
  const fs::path folder = fs::temp_directory_path(error);
  if (error) throw CannotWriteError("there is no folder for temporary files ({}); set TMPDIR", error.message());
  std::string name = folder / "canine-rows-XXXXXX";
  fd_ = ::mkostemp(name.data(), O_CLOEXEC);
  if (fd_ < 0) throw CannotWriteError("cannot make {}: {}; set TMPDIR to another folder", name, errno_text(errno));
  ::unlink(name.c_str());
  path_ = "/proc/self/fd/" + std::to_string(fd_);
  name_ = "the temporary file of the rows in " + folder.string() + " (TMPDIR)";
}

PartialFile::~PartialFile() { ::close(fd_); }

void PartialFile::fail(std::string_view what, int error) const {
  throw IoError("cannot {} {} at byte {}: {}", what, name_, size_, write_error_text(error));
}

void PartialFile::cut(uint64_t size) {
  if (size == size_) return;
  if (::ftruncate(fd_, static_cast<off_t>(size)) != 0) {
    const int error = errno;
    throw IoError(
        "cannot shorten {} to {} bytes: {}. If its file system cannot do that, copy the file and its .progress to a "
        "local "
        "disk and go on there, or remove both to start anew",
        name_, size, errno_text(error));
  }
  size_ = size;
}

void PartialFile::append(std::string_view bytes) {
  const auto [written, error] = write_fully(fd_, std::as_bytes(std::span(bytes)));
  size_ += written;
  if (error != 0) fail("write", error);
}

void PartialFile::sync() {
  if (const int error = sync_descriptor(fd_)) fail("sync", error);
}

}  // namespace canine
