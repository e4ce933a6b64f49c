#include "canine/launch/stop_request.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <functional>
#include <stdexcept>

namespace canine {
namespace {

/// How a child process that runs `body` ends: as wait() reports it.
int status_of_child(const std::function<void()>& body) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    const rlimit none{0, 0};  // SIGQUIT leaves no core file
    ::setrlimit(RLIMIT_CORE, &none);
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGXCPU})
      ::signal(number, SIG_DFL);  // Catch2 has its own
    body();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return status;
}

TEST_CASE("a signal becomes a request and the program goes on") {
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR2, SIGXCPU}) {
    const StopRequest request;
    CHECK(StopRequest::signal() == 0);
    ::raise(number);
    CHECK(StopRequest::signal() == number);
  }
}

TEST_CASE("a program that ends by an error is not ended by SIGTERM meanwhile") {
  const int status = status_of_child([] {
    try {
      const StopRequest request;
      throw std::runtime_error("a fault");
    } catch (const std::runtime_error&) {
      ::raise(SIGTERM);
      ::_exit(70);
    }
  });
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 70);
}

TEST_CASE("a second signal ends the process with the default action") {
  for (const int second : {SIGINT, SIGHUP, SIGQUIT}) {
    const int status = status_of_child([second] {
      const StopRequest request;
      ::raise(SIGTERM);
      ::raise(second);
    });
    REQUIRE(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == second);
  }
}

TEST_CASE("the same signal twice at once is one request, and later a second one") {
  CHECK(status_of_child([] {
          const StopRequest request;
          ::raise(SIGTERM);
          ::raise(SIGTERM);
        }) == 0);
  const int status = status_of_child([] {
    const StopRequest request;
    while (true) ::raise(SIGTERM);
  });
  REQUIRE(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGTERM);
}

TEST_CASE("an announcement of the end is not the first of two signals, however often it comes") {
  for (const int number : {SIGUSR2, SIGXCPU}) {
    CHECK(status_of_child([number] {
            const StopRequest request;
            for (int i = 0; i < 3; ++i) ::raise(number);
            ::raise(SIGTERM);  // what batch systems send next
            ::raise(SIGTERM);  // and again to the group
            if (StopRequest::signal() != number) ::_exit(1);
          }) == 0);
  }
}

TEST_CASE("a limit that is announced again while the program ends does not end it otherwise") {
  for (const int number : {SIGUSR2, SIGXCPU}) {
    CHECK(status_of_child([number] {
            {
              const StopRequest request;
              ::raise(number);
            }
            ::raise(number);  // the kernel repeats its signal every second
          }) == 0);
  }
}

TEST_CASE("the kernel's signal at the limit of processor time is a request") {
  const int status = status_of_child([] {
    rlimit limit{};
    ::getrlimit(RLIMIT_CPU, &limit);
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    limit.rlim_cur = static_cast<rlim_t>(used.ru_utime.tv_sec + used.ru_stime.tv_sec + 1);
    const StopRequest request;
    if (::setrlimit(RLIMIT_CPU, &limit) != 0) ::_exit(1);
    while (StopRequest::signal() == 0) {
    }
    if (signal_text(StopRequest::signal()) != "signal 24 (the limit of processor time)") ::_exit(2);
  });
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("handlers are restored, so that a signal afterwards acts as before") {
  for (const int number : {SIGINT, SIGUSR1, SIGUSR2, SIGXCPU}) {
    const int status = status_of_child([number] {
      { const StopRequest request; }
      ::raise(number);
    });
    REQUIRE(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == number);
  }
}

TEST_CASE("nohup's wish stands, also after another signal") {
  const int status = status_of_child([] {
    ::signal(SIGHUP, SIG_IGN);
    const StopRequest request;
    ::raise(SIGHUP);
    if (StopRequest::signal() != 0) ::_exit(1);
    ::raise(SIGTERM);
    ::raise(SIGHUP);
    if (StopRequest::signal() != SIGTERM) ::_exit(2);
  });
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("writing into a closed pipe is an error, not the end") {
  const int status = status_of_child([] {
    const StopRequest request;
    int ends[2];
    if (::pipe(ends) != 0) ::_exit(1);
    ::close(ends[0]);
    if (::write(ends[1], "x", 1) != -1) ::_exit(2);
  });
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("SIGUSR1 asks for a save, each time anew, and stops nothing") {
  const StopRequest request;
  CHECK_FALSE(StopRequest::take_save_request());
  for (int i = 0; i < 2; ++i) {
    ::raise(SIGUSR1);
    CHECK(StopRequest::take_save_request());
    CHECK_FALSE(StopRequest::take_save_request());
  }
  CHECK(StopRequest::signal() == 0);
}

/// A child that is told by its parent to stop, tells itself so `times`, and then waits for the parent's word.
struct StoppedTwice {
  explicit StoppedTwice(int times) {
    int ready[2];
    int go[2];
    if (::pipe(ready) != 0 || ::pipe(go) != 0) return;
    pid = ::fork();
    if (pid == 0) {
      const StopRequest request;
      char byte = 0;
      if (::write(ready[1], "r", 1) != 1 || ::read(go[0], &byte, 1) != 1) ::_exit(1);
      for (int i = 0; i < times; ++i) ::raise(SIGINT);
      ::_exit(StopRequest::signal() == SIGTERM ? 0 : 2);
    }
    char byte = 0;
    if (::read(ready[0], &byte, 1) != 1) return;
    ::kill(pid, SIGTERM);
    if (::write(go[1], "g", 1) != 1) return;
    ::waitpid(pid, &status, 0);
    for (const int fd : {ready[0], ready[1], go[0], go[1]}) ::close(fd);
  }
  pid_t pid = -1;
  int status = -1;
};

TEST_CASE("a signal from elsewhere and the launcher's copy of it are one request") {
  const StoppedTwice once(1);
  REQUIRE(WIFEXITED(once.status));
  CHECK(WEXITSTATUS(once.status) == 0);
  const StoppedTwice twice(2);
  REQUIRE(WIFSIGNALED(twice.status));
  CHECK(WTERMSIG(twice.status) == SIGINT);
}

}  // namespace
}  // namespace canine
