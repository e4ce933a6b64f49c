#include "canine/launch/stop_request.hpp"

#include <unistd.h>

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <exception>

#include "canine/launch/request_signals.hpp"
#include "launcher_death.hpp"

namespace canine {
namespace {

std::atomic<int> g_signal = 0;        // the first of all
std::atomic<int> g_wish = 0;          // the first of kEndSignals
std::atomic<int64_t> g_first_at = 0;  // when that came: ns of the monotonic clock
std::atomic<int> g_num_from_parent = 0;
std::atomic<int> g_num_from_others = 0;
std::atomic<bool> g_save = false;

std::array<struct sigaction, kEndSignals.size()> g_former_end;
std::array<struct sigaction, kLimitSignals.size()> g_former_limit;
struct sigaction g_former_save;
struct sigaction g_former_pipe;

/// One request may arrive twice: timeout(1) and some batch systems signal a process and then its group.
constexpr int64_t kSameRequest = 1'000'000'000;  // ns

int64_t monotonic_now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

bool set_if_none(std::atomic<int>& signal, int number) {
  int none = 0;
  return signal.compare_exchange_strong(none, number);
}

/// errno as the interrupted code left it, at the end of a handler.
class ErrnoKept {
 public:
  ErrnoKept() : value_(errno) {}
  ~ErrnoKept() { errno = value_; }
  ErrnoKept(const ErrnoKept&) = delete;
  ErrnoKept& operator=(const ErrnoKept&) = delete;

 private:
  int value_;
};

/// Notes the first signal of a sender; the second one gets its default action when this handler returns.
extern "C" void note_stop(int number, siginfo_t* info, void*) {
  const ErrnoKept errno_kept;
  set_if_none(g_signal, number);
  const bool first = set_if_none(g_wish, number);
  if (first) g_first_at = monotonic_now();
  if (note_launcher_death()) return;  // arms a time limit instead
  if (!first && number == g_wish && monotonic_now() - g_first_at < kSameRequest) return;
  const bool from_parent = info->si_code <= 0 && info->si_pid == ::getppid();
  if ((from_parent ? g_num_from_parent : g_num_from_others).fetch_add(1) == 0) return;
  ::signal(number, SIG_DFL);
  ::raise(number);
}

extern "C" void note_limit(int number) { set_if_none(g_signal, number); }

extern "C" void note_save(int) { g_save = true; }

/// A wish of the caller to ignore these (nohup, background jobs) stands.
bool may_stay_ignored(int number) { return number == SIGHUP || number == SIGQUIT; }

void handle(int number, void (*handler)(int), struct sigaction& former) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;  // a save in progress is not disturbed
  ::sigaction(number, &action, &former);
}

void reset() {
  g_signal = 0;
  g_wish = 0;
  g_num_from_parent = 0;
  g_num_from_others = 0;
  g_save = false;
}

}  // namespace

StopRequest::StopRequest() {
  reset();
  struct sigaction action {};
  action.sa_sigaction = note_stop;
  action.sa_flags = SA_RESTART | SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  for (const int number : kEndSignals) sigaddset(&action.sa_mask, number);
  for (size_t i = 0; i < kEndSignals.size(); ++i) {
    ::sigaction(kEndSignals[i], nullptr, &g_former_end[i]);
    if (may_stay_ignored(kEndSignals[i]) && g_former_end[i].sa_handler == SIG_IGN) continue;
    ::sigaction(kEndSignals[i], &action, nullptr);
  }
  for (size_t i = 0; i < kLimitSignals.size(); ++i) handle(kLimitSignals[i], note_limit, g_former_limit[i]);
  handle(kSaveSignal, note_save, g_former_save);
  handle(SIGPIPE, SIG_IGN, g_former_pipe);
}

StopRequest::~StopRequest() {
  const bool by_error = std::uncaught_exceptions() > 0;
  for (size_t i = 0; i < kEndSignals.size(); ++i) {
    if (by_error && kEndSignals[i] == SIGTERM) {
      ::signal(SIGTERM, SIG_IGN);
    } else {
      ::sigaction(kEndSignals[i], &g_former_end[i], nullptr);
    }
  }
  for (size_t i = 0; i < kLimitSignals.size(); ++i) {
    if (kLimitSignals[i] == g_signal) {
      ::signal(kLimitSignals[i], SIG_IGN);
    } else {
      ::sigaction(kLimitSignals[i], &g_former_limit[i], nullptr);
    }
  }
  ::sigaction(kSaveSignal, &g_former_save, nullptr);
  ::sigaction(SIGPIPE, &g_former_pipe, nullptr);
  reset();
}

int StopRequest::signal() { return g_signal; }

bool StopRequest::take_save_request() { return g_save.exchange(false); }

std::string signal_text(int number) {
  const char* meaning = number == SIGXCPU ? " (the limit of processor time)" : "";
  return fmt::format("signal {}{}", number, meaning);
}

}  // namespace canine
