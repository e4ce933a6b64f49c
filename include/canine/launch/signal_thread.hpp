#pragma once

#include <csignal>
#include <thread>

namespace canine {

/// Keeps requests from outside (request_signals.hpp) away from threads that compute: while it lives they are blocked in
/// the thread that made it and in all threads started after it, and one idle thread takes them, be it for a handler
/// (StopRequest) or for the default action.
///
/// Why: kernels that LibTorch generates at run time (oneDNN's float32 products) do not survive a signal handler on
/// their stack; the heap is corrupt afterwards. Seen with LibTorch 2.11 under a timer signal, within seconds.
///
/// Make it before any thread that computes, and after a fork that is to get the former mask. One object at a time.
class SignalThread {
 public:
  SignalThread();
  ~SignalThread();
  SignalThread(const SignalThread&) = delete;
  SignalThread& operator=(const SignalThread&) = delete;

 private:
  sigset_t former_{};
  int end_[2] = {-1, -1};  // pipe whose writing end wakes the thread for its end
  std::thread thread_;
};

}  // namespace canine
