#include "canine/core/file_system.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <random>
#include <string>
#include <string_view>
#include <system_error>

#include "canine/core/errors.hpp"
#include "canine/core/log.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

std::string errno_text(int error) { return std::generic_category().message(error); }

/// The file system does not know the call, in contrast to one that failed.
bool is_unsupported(int error) { return error == EINVAL || error == ENOSYS || error == ENOTSUP || error == EOPNOTSUPP; }

/// One pass over the calls; the two files go with it.
class Probe {
 public:
  explicit Probe(const fs::path& folder)
      : folder_(folder),
        file_(folder / fmt::format(".canine-probe.{:08x}", std::random_device()())),  // pods share process numbers
        other_(file_.string() + ".other") {}
  ~Probe() {
    ::unlink(file_.c_str());
    ::unlink(other_.c_str());
  }
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  void run() {
    write(file_, O_CREAT | O_EXCL, "make files");
    write(file_, O_APPEND, "add to files");
    write(other_, O_CREAT | O_EXCL, "make files");
    if (::rename(file_.c_str(), other_.c_str()) != 0) fail("rename files", errno);
    if (::unlink(other_.c_str()) != 0) fail("remove files", errno);
  }

 private:
  void write(const fs::path& file, int flags, std::string_view what) const {
    const int fd = ::open(file.c_str(), O_RDWR | O_CLOEXEC | flags, 0666);
    int error = fd < 0 ? errno : 0;
    if (fd >= 0 && ::write(fd, "probe", 5) != 5) error = errno;
    if (fd >= 0 && error == 0) error = sync_descriptor(fd);
    if (fd >= 0 && ::close(fd) != 0 && error == 0) error = errno;
    if (error != 0) fail(what, error);
  }

  [[noreturn]] void fail(std::string_view what, int error) const {
    if (error == EACCES || error == EROFS || error == ENOSPC || error == EDQUOT || error == ENOENT) {
      throw CannotWriteError("cannot write into the folder {}: {}", folder_.string(), errno_text(error));
    }
    throw CannotWriteError(
        "cannot write into the folder {}: its file system cannot {} ({}). Object stores shown as folders are often so: "
        "write to a folder on a local disk, and copy the files afterwards",
        folder_.string(), what, errno_text(error));
  }

  fs::path folder_, file_, other_;
};

}  // namespace

void probe_folder(const fs::path& folder) { Probe(folder).run(); }

int sync_descriptor(int fd) {
  int result = 0;
  do {
    result = ::fsync(fd);
  } while (result != 0 && errno == EINTR);
  if (result == 0) return 0;
  const int error = errno;
  if (!is_unsupported(error)) return error;
  static std::atomic<bool> told = false;
  if (!told.exchange(true)) {
    log_note("a file system that is written to has no fsync ({}); a power cut may cost the files written last",
             errno_text(error));
  }
  return 0;
}

}  // namespace canine
