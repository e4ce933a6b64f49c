#include "canine/launch/parent_death.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <csignal>

#include "canine/core/errors.hpp"

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

}  // namespace
}  // namespace canine
