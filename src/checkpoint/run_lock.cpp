#include "canine/checkpoint/run_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "bytes.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/host_name.hpp"
#include "canine/core/log.hpp"

namespace canine {
namespace {

constexpr std::string_view kOwner = "host ";

std::string owner_text() { return fmt::format("{}{}, process {}", kOwner, host_name(), ::getpid()); }

std::string read_owner(int fd) {
  std::array<char, 300> text{};
  const ssize_t size = ::pread(fd, text.data(), text.size() - 1, 0);
  return size > 0 ? printable({text.data(), static_cast<size_t>(size)}) : "unknown";
}

/// The file is emptied and removed in the end, so it must be nothing else that is called so.
void require_lock_file(int fd, const std::filesystem::path& path) {
  struct stat info {};
  std::array<char, kOwner.size()> start{};
  const ssize_t size = ::pread(fd, start.data(), start.size(), 0);
  const bool is_own = size == 0 || (size > 0 && kOwner.starts_with({start.data(), static_cast<size_t>(size)}));
  if (::fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && is_own) return;
  ::close(fd);
  throw CannotWriteError(
      "{}: this is no lock of this program, and would be lost; move it away, or choose another folder", path.string());
}

/// False if the file was unlinked between opening and locking: then another process may lock a new one.
bool still_named(int fd, const std::filesystem::path& path) {
  struct stat mine {};
  struct stat named {};
  return ::fstat(fd, &mine) == 0 && ::stat(path.c_str(), &named) == 0 && mine.st_ino == named.st_ino &&
         mine.st_dev == named.st_dev;
}

}  // namespace

RunLock::RunLock(const std::filesystem::path& folder) : path_(folder / ".lock") {
  while (fd_ < 0) {
    const int fd = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
    if (fd < 0) {
      throw CannotWriteError("cannot make {}: {}", path_.string(), std::generic_category().message(errno));
    }
    require_lock_file(fd, path_);
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
      const int error = errno;
      const std::string owner = read_owner(fd);
      ::close(fd);
      if (error != EWOULDBLOCK) {  // a file system without flock, such as some network ones
        log_note("{} cannot be locked ({}); see that no second run writes there", folder.string(),
                 std::generic_category().message(error));
        return;
      }
      throw CannotWriteError("the folder {} is in use by another run ({}). Wait for its end, or choose another folder",
                             folder.string(), owner);
    }
    if (still_named(fd, path_)) {
      fd_ = fd;
    } else {
      ::close(fd);
    }
  }
  const std::string owner = owner_text();
  // The text only helps people; a failed write takes nothing from the lock.
  std::ignore = ::ftruncate(fd_, 0);
  std::ignore = ::pwrite(fd_, owner.data(), owner.size(), 0);
}

RunLock::~RunLock() {
  if (fd_ < 0) return;
  ::unlink(path_.c_str());
  ::close(fd_);
}

}  // namespace canine
