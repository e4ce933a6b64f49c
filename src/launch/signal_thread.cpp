#include "canine/launch/signal_thread.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "canine/core/errors.hpp"
#include "canine/launch/request_signals.hpp"

namespace canine {
namespace {

void wait_for_byte(int fd) {
  char byte = 0;
  while (::read(fd, &byte, 1) < 0 && errno == EINTR) {
  }
}

}  // namespace

SignalThread::SignalThread() {
  if (::pipe2(end_, O_CLOEXEC) != 0) throw IoError("a pipe could not be made: {}", std::strerror(errno));
  const sigset_t set = request_signals();
  ::pthread_sigmask(SIG_BLOCK, &set, &former_);
  thread_ = std::thread([set, fd = end_[0]] {
    ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
    wait_for_byte(fd);
  });
}

SignalThread::~SignalThread() {
  [[maybe_unused]] const ssize_t written = ::write(end_[1], "", 1);
  thread_.join();
  ::pthread_sigmask(SIG_SETMASK, &former_, nullptr);
  ::close(end_[0]);
  ::close(end_[1]);
}

}  // namespace canine
