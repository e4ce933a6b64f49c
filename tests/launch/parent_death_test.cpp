#include "canine/launch/parent_death.hpp"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <csignal>
#include <thread>

#include "canine/core/errors.hpp"
#include "canine/launch/stop_request.hpp"

namespace canine {
namespace {

LaunchContext launched_by(int launcher_pid) {
  LaunchContext launch;
  launch.launcher = Launcher::kSelf;
  launch.parent_is_launcher = true;
  launch.launcher_pid = launcher_pid;
  return launch;
}

template <typename Body>
int code_of_child(const Body& body) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(body());
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int death_signal() {
  int signal = -1;
  ::prctl(PR_GET_PDEATHSIG, &signal);
  return signal;
}

TEST_CASE("without a launcher nothing is watched, so that a program survives its shell") {
  CHECK(code_of_child([] {
          end_with_launcher({});
          return death_signal() == 0 && watched_launcher() == 0 && !launcher_gone() ? 0 : 1;
        }) == 0);
}

TEST_CASE("under a launcher the kernel is asked for SIGTERM at its death") {
  CHECK(code_of_child([] {
          end_with_launcher(launched_by(0));
          return death_signal() == SIGTERM && watched_launcher() == ::getppid() && !launcher_gone() ? 0 : 1;
        }) == 0);
}

TEST_CASE("a launcher that died before it could be watched is noticed") {
  CHECK(code_of_child([] {
          try {
            end_with_launcher(launched_by(::getpid()));  // certainly not the parent
          } catch (const PeerError&) {
            return 0;
          }
          return 1;
        }) == 0);
}

/// A process whose main thread starts `body` in a child and ends once that says so, while another thread keeps the
/// process for as long as the child runs: what a killed launcher with many threads looks like for a while. Returns the
/// child's code.
template <typename Body>
int code_of_child_of_dying_process(const Body& body) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    int ready[2];
    if (::pipe(ready) != 0) ::_exit(-1);
    const pid_t child = ::fork();
    if (child == 0) ::_exit(body([&] { return ::write(ready[1], "r", 1) == 1; }));
    std::thread([child] {
      int status = 0;
      ::waitpid(child, &status, __WALL);
      ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    }).detach();
    char byte = 0;
    if (::read(ready[0], &byte, 1) != 1) ::_exit(-1);
    ::syscall(SYS_exit, 0);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_CASE("a launcher whose threads end one by one is known to die when the first signal comes") {
  CHECK(code_of_child_of_dying_process([](const auto& say_ready) {
          const StopRequest request;
          end_with_launcher(launched_by(0), std::chrono::seconds(60));
          if (launcher_gone() || !say_ready()) return 2;
          while (StopRequest::signal() == 0) ::usleep(1000);
          return ::getppid() == watched_launcher() && launcher_gone() ? 0 : 1;
        }) == 0);
}

TEST_CASE("an alarm of somebody else is not the launcher's death") {
  const pid_t pid = ::fork();
  if (pid == 0) {
    end_with_launcher(launched_by(0));
    ::raise(SIGALRM);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  REQUIRE(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGALRM);
}

}  // namespace
}  // namespace canine
