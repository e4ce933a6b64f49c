#include "file_clone.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/core/file_system.hpp"
#include "canine/core/output_path.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

fs::path aside_path(const fs::path& path) {
  fs::path aside = path;
  aside += ".tmp." + std::to_string(::getpid());
  return aside;
}

/// The end of a link that leads out of its folder. One that leads to a neighbour is only a further name of it, and is
/// replaced, because whoever writes through it would change the neighbour.
fs::path place_of(const fs::path& name) {
  fs::path file = regular_output(name);
  std::error_code ignored;
  return fs::equivalent(file.parent_path(), name.parent_path(), ignored) ? name : file;
}

bool reflink(const fs::path& source, const fs::path& aside) {
  const int from = ::open(source.c_str(), O_RDONLY | O_CLOEXEC);
  if (from < 0) return false;
  const int to = ::open(aside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  const bool done = to >= 0 && ::ioctl(to, FICLONE, from) == 0 && sync_descriptor(to) == 0;
  if (to >= 0) ::close(to);
  ::close(from);
  if (to >= 0 && !done) ::unlink(aside.c_str());
  return done;
}

void copy_over(const fs::path& source, const fs::path& path) {
  const RandomAccessFile from(source);
  AtomicFile to(path);
  std::vector<std::byte> piece(std::min<uint64_t>(from.size(), uint64_t{1} << 20));
  for (uint64_t offset = 0; offset < from.size(); offset += piece.size()) {
    const auto part = std::span(piece).first(std::min<uint64_t>(piece.size(), from.size() - offset));
    from.read(offset, part);
    to.write(part);
  }
  to.commit();
}

}  // namespace

void clone_over(const fs::path& source, const fs::path& name) {
  const fs::path path = place_of(name);
  const fs::path aside = aside_path(path);
  ::unlink(aside.c_str());
  if (!reflink(source, aside) && ::link(source.c_str(), aside.c_str()) != 0) {
    copy_over(source, path);
    return;
  }
  if (::rename(aside.c_str(), path.c_str()) != 0) {
    const int error = errno;
    ::unlink(aside.c_str());
    throw IoError("cannot rename {} to {}: {}", aside.string(), path.string(), std::generic_category().message(error));
  }
  // Two names of one file: the rename does nothing and leaves the name aside.
  ::unlink(aside.c_str());
  sync_folder(path.parent_path());
}

void separate(const fs::path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && info.st_nlink > 1) copy_over(path, path);
}

}  // namespace canine
