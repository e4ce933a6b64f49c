#include "canine/launch/stop_request.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <functional>

namespace canine {
namespace {

/// How a child process that runs `body` ends: as wait() reports it.
int status_of_child(const std::function<void()>& body) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    const rlimit none{0, 0};  // SIGQUIT leaves no core file
    ::setrlimit(RLIMIT_CORE, &none);
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT}) ::signal(number, SIG_DFL);  // Catch2 has its own
    body();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return status;
}

TEST_CASE("a signal becomes a request and the program goes on") {
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT}) {
    const StopRequest request;
    CHECK(StopRequest::signal() == 0);
    ::raise(number);
    CHECK(StopRequest::signal() == number);
  }
}

TEST_CASE("a second signal ends the process with the default action") {
  for (const int second : {SIGTERM, SIGINT, SIGHUP, SIGQUIT}) {
    const int status = status_of_child([second] {
      const StopRequest request;
      ::raise(SIGTERM);
      ::raise(second);
    });
    REQUIRE(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == second);
  }
}

TEST_CASE("handlers are restored, so that a signal afterwards acts as before") {
  const int status = status_of_child([] {
    { const StopRequest request; }
    ::raise(SIGINT);
  });
  REQUIRE(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGINT);
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

}  // namespace
}  // namespace canine
