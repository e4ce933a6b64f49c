#pragma once

namespace canine {

/// SIGTERM, SIGINT, SIGHUP and SIGQUIT as a request: the first sets a flag that the training loop reads between steps,
/// a second one ends the process at once with the default action. SIGHUP and SIGQUIT stay ignored where the caller
/// ignores them (nohup). SIGPIPE is ignored. Restores the former handlers on destruction. One object at a time per
/// process.
class StopRequest {
 public:
  StopRequest();
  ~StopRequest();
  StopRequest(const StopRequest&) = delete;
  StopRequest& operator=(const StopRequest&) = delete;

  /// Number of the signal that came, or 0.
  static int signal();
};

}  // namespace canine
