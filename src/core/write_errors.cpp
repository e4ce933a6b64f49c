#include "canine/core/write_errors.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <system_error>

#include "canine/core/readable.hpp"

namespace canine {

void ignore_write_signals() {
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
}

Written write_fully(int fd, std::span<const std::byte> bytes) {
  Written done;
  while (done.bytes < bytes.size()) {
    const ssize_t written = ::write(fd, bytes.data() + done.bytes, bytes.size() - done.bytes);
    if (written >= 0) {
      done.bytes += static_cast<size_t>(written);
    } else if (errno == EAGAIN) {
      pollfd ready{fd, POLLOUT, 0};
      ::poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      done.error = errno;
      return done;
    }
  }
  return done;
}

std::string write_error_text(int error) {
  const std::string text = std::generic_category().message(error);
  rlimit limit{};
  if (error != EFBIG || ::getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return text;
  return fmt::format("{}: this process may write files of at most {} bytes (`ulimit -f`)", text,
                     format_count(static_cast<int64_t>(limit.rlim_cur)));
}

}  // namespace canine
