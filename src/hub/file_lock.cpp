#include "canine/hub/file_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "canine/core/errors.hpp"
#include "canine/core/log.hpp"

namespace canine {
namespace {

int open_lock_file(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (fd < 0) throw CannotWriteError("cannot make {}: {}", path.string(), std::generic_category().message(errno));
  return fd;
}

/// errno of flock, 0 if it is locked.
int lock(int fd, int operation) {
  while (::flock(fd, operation) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

/// False if the file was removed between opening and locking: then somebody else may hold a new one.
bool still_named(int fd) {
  struct stat info {};
  return ::fstat(fd, &info) == 0 && info.st_nlink > 0;
}

}  // namespace

std::optional<FileLock> FileLock::try_acquire(const std::filesystem::path& path) {
  while (true) {
    FileLock held(open_lock_file(path));
    const int error = lock(held.fd_, LOCK_EX | LOCK_NB);
    if (error == EWOULDBLOCK || error == EACCES) return std::nullopt;
    if (error != 0) {
      log_note("{} cannot be locked ({}); see that no other program downloads the same", path.string(),
               std::generic_category().message(error));
      return held;
    }
    if (still_named(held.fd_)) return held;
  }
}

FileLock FileLock::acquire(const std::filesystem::path& path, const std::string& what) {
  if (auto held = try_acquire(path)) return std::move(*held);
  log_note("waiting for another program that downloads {} (it holds {})", what, path.string());
  while (true) {
    FileLock held(open_lock_file(path));
    if (lock(held.fd_, LOCK_EX) != 0 || still_named(held.fd_)) return held;
  }
}

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

FileLock::FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

}  // namespace canine
