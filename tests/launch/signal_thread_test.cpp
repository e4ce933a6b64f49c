#include "canine/launch/signal_thread.hpp"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <csignal>

namespace canine {
namespace {

int g_pipe[2];
std::atomic<pthread_t> g_handled_by;

extern "C" void note_thread(int) {
  g_handled_by = ::pthread_self();
  [[maybe_unused]] const ssize_t written = ::write(g_pipe[1], "x", 1);
}

TEST_CASE("a request is handled on the idle thread, not on those that compute") {
  REQUIRE(::pipe(g_pipe) == 0);
  struct sigaction action {};
  struct sigaction former {};
  action.sa_handler = note_thread;
  ::sigaction(SIGUSR1, &action, &former);
  {
    const SignalThread signals;
    std::thread other([] {  // started later, so it is spared too
      sigset_t mask;
      ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
      CHECK(sigismember(&mask, SIGTERM) == 1);
    });
    other.join();
    ::kill(::getpid(), SIGUSR1);
    pollfd handled{g_pipe[0], POLLIN, 0};
    REQUIRE(::poll(&handled, 1, 30'000) == 1);
    CHECK(::pthread_equal(g_handled_by, ::pthread_self()) == 0);
  }
  sigset_t mask;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  CHECK(sigismember(&mask, SIGTERM) == 0);
  ::sigaction(SIGUSR1, &former, nullptr);
  ::close(g_pipe[0]);
  ::close(g_pipe[1]);
}

TEST_CASE("without a handler a request ends the process as ever") {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::signal(SIGTERM, SIG_DFL);
    const SignalThread signals;
    ::kill(::getpid(), SIGTERM);
    ::pause();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  REQUIRE(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGTERM);
}

}  // namespace
}  // namespace canine
