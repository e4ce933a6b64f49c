#include "canine/launch/stop_request.hpp"

#include <array>
#include <csignal>

namespace canine {
namespace {

volatile std::sig_atomic_t g_signal = 0;

struct Handled {
  int number;
  bool keep_ignored;  // a caller's wish to ignore it (nohup, background jobs) stands
};
constexpr std::array<Handled, 4> kHandled = {{{SIGTERM, false}, {SIGINT, false}, {SIGHUP, true}, {SIGQUIT, true}}};
std::array<struct sigaction, kHandled.size()> g_former;
struct sigaction g_former_pipe;

/// Notes the signal and gives all of them their default action back, so that the next one ends the process.
extern "C" void note_signal(int number) {
  g_signal = number;
  for (const Handled& handled : kHandled) {
    struct sigaction current {};
    if (::sigaction(handled.number, nullptr, &current) == 0 && current.sa_handler == note_signal) {
      ::signal(handled.number, SIG_DFL);
    }
  }
}

}  // namespace

StopRequest::StopRequest() {
  g_signal = 0;
  struct sigaction action {};
  action.sa_handler = note_signal;
  action.sa_flags = SA_RESTART;  // a save in progress is not disturbed
  sigemptyset(&action.sa_mask);
  for (const Handled& handled : kHandled) sigaddset(&action.sa_mask, handled.number);
  for (size_t i = 0; i < kHandled.size(); ++i) {
    ::sigaction(kHandled[i].number, nullptr, &g_former[i]);
    if (kHandled[i].keep_ignored && g_former[i].sa_handler == SIG_IGN) continue;
    ::sigaction(kHandled[i].number, &action, nullptr);
  }
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, &g_former_pipe);
}

StopRequest::~StopRequest() {
  for (size_t i = 0; i < kHandled.size(); ++i) ::sigaction(kHandled[i].number, &g_former[i], nullptr);
  ::sigaction(SIGPIPE, &g_former_pipe, nullptr);
  g_signal = 0;
}

int StopRequest::signal() { return g_signal; }

}  // namespace canine
