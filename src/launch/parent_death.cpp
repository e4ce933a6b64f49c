#include "canine/launch/parent_death.hpp"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>

#include "canine/core/errors.hpp"
#include "launcher_death.hpp"
#include "proc_stat.hpp"

namespace canine {
namespace {

std::atomic<int> g_launcher = 0;
std::atomic<bool> g_noted = false;
std::atomic<unsigned> g_limit = 0;  // seconds
std::array<char, 256> g_last_words;
std::atomic<size_t> g_last_words_size = 0;

extern "C" void end_now(int number) {
  if (!launcher_gone()) {  // somebody else's alarm
    ::signal(number, SIG_DFL);
    ::raise(number);
    return;
  }
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, g_last_words.data(), g_last_words_size);
  ::_exit(static_cast<int>(ExitCode::kPeer));
}

void prepare_last_words(const LaunchContext& launch, int launcher, std::chrono::seconds limit) {
  const std::string text = fmt::format(
      "error: rank {}: the launcher (process {}) has died, and this process could not end in good order "
      "within {} s\n",
      launch.rank, launcher, limit.count());
  g_last_words_size = std::min(text.size(), g_last_words.size());
  std::copy_n(text.begin(), g_last_words_size.load(), g_last_words.begin());
}

void handle_alarm() {
  struct sigaction action {};
  action.sa_handler = end_now;
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGALRM, &action, nullptr);
  sigset_t alarm_signal;
  sigemptyset(&alarm_signal);
  sigaddset(&alarm_signal, SIGALRM);
  ::pthread_sigmask(SIG_UNBLOCK, &alarm_signal, nullptr);
}

[[noreturn]] void too_late(int launcher) {
  throw PeerError("the launcher (process {}) has died while this process was starting; start the job again", launcher);
}

}  // namespace

bool note_launcher_death() {
  if (!launcher_gone()) return false;
  if (!g_noted.exchange(true)) ::alarm(g_limit);
  return true;
}

void end_with_launcher(const LaunchContext& launch, std::chrono::seconds limit) {
  if (!launch.parent_is_launcher) return;
  const int launcher = ::getppid();
  if (launch.launcher_pid != 0 && launcher != launch.launcher_pid) too_late(launch.launcher_pid);
  prepare_last_words(launch, launcher, limit);
  handle_alarm();
  g_limit = static_cast<unsigned>(std::max<long>(1, static_cast<long>(limit.count())));
  g_noted = false;
  g_launcher = launcher;
  if (::prctl(PR_SET_PDEATHSIG, SIGTERM) != 0) {
    throw InternalError("PR_SET_PDEATHSIG failed: {}", std::strerror(errno));
  }
  if (::getppid() != launcher) too_late(launcher);  // it died before the kernel knew
}

int watched_launcher() { return g_launcher; }

bool launcher_gone() {
  const int launcher = g_launcher;
  if (launcher == 0) return false;
  // The kernel sends its signal when the thread that started this process ends. As long as another thread of the
  // launcher has not, that one is the parent, under the same number.
  return ::getppid() != launcher || ProcStat::of(launcher).is_dying();
}

}  // namespace canine
