#include "canine/launch/stop_request.hpp"

#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <ctime>

#include "launcher_death.hpp"

namespace canine {
namespace {

std::atomic<int> g_signal = 0;
std::atomic<int64_t> g_first_at = 0;  // ns of the monotonic clock
std::atomic<int> g_num_from_parent = 0;
std::atomic<int> g_num_from_others = 0;
std::atomic<bool> g_save = false;

struct Handled {
  int number;
  bool keep_ignored;  // a caller's wish to ignore it (nohup, background jobs) stands
};
constexpr std::array<Handled, 4> kHandled = {{{SIGTERM, false}, {SIGINT, false}, {SIGHUP, true}, {SIGQUIT, true}}};
std::array<struct sigaction, kHandled.size()> g_former;
struct sigaction g_former_pipe;
struct sigaction g_former_save;

/// One request may arrive twice: timeout(1) and some batch systems signal a process and then its group.
constexpr int64_t kSameRequest = 1'000'000'000;  // ns

int64_t monotonic_now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

/// Notes the first signal of a sender; the second one gets its default action when this handler returns.
extern "C" void note_stop(int number, siginfo_t* info, void*) {
  int none = 0;
  const bool first = g_signal.compare_exchange_strong(none, number);
  if (first) g_first_at = monotonic_now();
  if (note_launcher_death()) return;  // arms a time limit instead
  if (!first && number == g_signal && monotonic_now() - g_first_at < kSameRequest) return;
  const bool from_parent = info->si_code <= 0 && info->si_pid == ::getppid();
  if ((from_parent ? g_num_from_parent : g_num_from_others).fetch_add(1) == 0) return;
  ::signal(number, SIG_DFL);
  ::raise(number);
}

extern "C" void note_save(int) { g_save = true; }

void reset() {
  g_signal = 0;
  g_num_from_parent = 0;
  g_num_from_others = 0;
  g_save = false;
}

}  // namespace

StopRequest::StopRequest() {
  reset();
  struct sigaction action {};
  action.sa_sigaction = note_stop;
  action.sa_flags = SA_RESTART | SA_SIGINFO;  // a save in progress is not disturbed
  sigemptyset(&action.sa_mask);
  for (const Handled& handled : kHandled) sigaddset(&action.sa_mask, handled.number);
  for (size_t i = 0; i < kHandled.size(); ++i) {
    ::sigaction(kHandled[i].number, nullptr, &g_former[i]);
    if (kHandled[i].keep_ignored && g_former[i].sa_handler == SIG_IGN) continue;
    ::sigaction(kHandled[i].number, &action, nullptr);
  }
  struct sigaction save {};
  save.sa_handler = note_save;
  save.sa_flags = SA_RESTART;
  ::sigaction(SIGUSR1, &save, &g_former_save);
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, &g_former_pipe);
}

StopRequest::~StopRequest() {
  for (size_t i = 0; i < kHandled.size(); ++i) ::sigaction(kHandled[i].number, &g_former[i], nullptr);
  ::sigaction(SIGUSR1, &g_former_save, nullptr);
  ::sigaction(SIGPIPE, &g_former_pipe, nullptr);
  reset();
}

int StopRequest::signal() { return g_signal; }

bool StopRequest::take_save_request() { return g_save.exchange(false); }

}  // namespace canine
