#pragma once

#include <string>

namespace canine {

/// SIGTERM, SIGINT, SIGHUP and SIGQUIT as a request: the first sets a flag that the training loop reads between steps,
/// a second one ends the process at once with the default action. SIGUSR2 and SIGXCPU announce the end
/// (request_signals.hpp): they set the flag too, but however often they come, they neither end the process nor count
/// as the first of two. SIGUSR1 asks for a save after which training goes on.
///
/// The same signal again within a second is the same request: timeout(1) signals a process and then its group. Signals
/// from the parent (a launcher that passes its own on) and from anybody else are counted apart: a batch system or
/// service manager that ends a job signals the launcher and its processes alike, and the launcher's copy is then not
/// the second request. SIGHUP and SIGQUIT stay ignored where the caller ignores them (nohup). SIGPIPE is ignored.
/// Restores the former handlers on destruction, but for SIGUSR2 and SIGXCPU once they have announced the end: the
/// kernel repeats SIGXCPU every second, and the program is on its way out. Where that is by an exception, SIGTERM is
/// ignored from then on: the program ends by itself with the cause, and the SIGTERM that launchers send to all others
/// when one process has ended first would only replace its exit code. One object at a time per process.
class StopRequest {
 public:
  StopRequest();
  ~StopRequest();
  StopRequest(const StopRequest&) = delete;
  StopRequest& operator=(const StopRequest&) = delete;

  /// Number of the signal that came first, or 0.
  static int signal();

  /// True once for each time SIGUSR1 has come since the last call (several at once count as one).
  static bool take_save_request();
};

/// "signal 15", "signal 24 (the limit of processor time)".
std::string signal_text(int number);

}  // namespace canine
