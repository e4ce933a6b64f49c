#include "stopped_job.hpp"

#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <string>

#include "canine/launch/request_signals.hpp"

namespace canine {
namespace {

void send(const std::vector<pid_t>& groups, int signal) {
  for (const pid_t group : groups) ::kill(-group, signal);
}

/// Whether a signal that asks for the end waits for the process to be continued.
bool end_is_waiting_for(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string word; status >> word;) {
    if (word != "ShdPnd:") continue;
    uint64_t pending = 0;
    status >> std::hex >> pending;
    const auto waits = [pending](int number) { return (pending >> (number - 1) & 1) != 0; };
    return std::ranges::any_of(kEndSignals, waits) || std::ranges::any_of(kLimitSignals, waits);
  }
  return false;
}

/// Looks after a stopped process and its groups until it is killed.
[[noreturn]] void watch(pid_t stopped, const std::vector<pid_t>& groups) {
  constexpr timespec kPause{0, 200'000'000};
  ::setsid();  // the terminal's signals are not for this process
  while (::getppid() == stopped) {
    if (end_is_waiting_for(stopped)) ::kill(stopped, SIGCONT);
    ::nanosleep(&kPause, nullptr);
  }
  send(groups, SIGCONT);
  ::_exit(0);
}

}  // namespace

void stop_job(const std::vector<pid_t>& groups) {
  send(groups, SIGSTOP);
  const pid_t own = ::getpid();
  const pid_t watcher = ::fork();
  if (watcher == 0) watch(own, groups);
  ::kill(own, SIGSTOP);  // not SIGTSTP, which processes without a shell around them ignore
  if (watcher > 0) {
    ::kill(watcher, SIGKILL);
    ::waitpid(watcher, nullptr, 0);
  }
  send(groups, SIGCONT);
}

}  // namespace canine
