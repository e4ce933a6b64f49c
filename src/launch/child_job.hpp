#pragma once

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <optional>
#include <string>
#include <vector>

namespace canine {

/// The signals that the parent of a job passes on or waits for, blocked for the calling thread from construction to
/// destruction, so that they are taken one by one instead of interrupting anything.
class SupervisedSignals {
 public:
  SupervisedSignals();
  ~SupervisedSignals();
  SupervisedSignals(const SupervisedSignals&) = delete;
  SupervisedSignals& operator=(const SupervisedSignals&) = delete;

  /// Mask of the thread before.
  const sigset_t& former_mask() const { return former_; }

  /// The next signal, or nullopt when `deadline` passes first (no deadline = wait for ever).
  std::optional<int> take(const std::optional<std::chrono::steady_clock::time_point>& deadline) const;

 private:
  sigset_t taken_{};
  sigset_t former_{};
  struct sigaction former_child_ {};
};

/// The children of one job, from their start to the last one's end.
class ChildJob {
 public:
  ChildJob(std::chrono::milliseconds peer_grace, std::chrono::milliseconds stop_grace)
      : peer_grace_(peer_grace), stop_grace_(stop_grace) {}

  /// Kills what still runs.
  ~ChildJob();
  ChildJob(const ChildJob&) = delete;
  ChildJob& operator=(const ChildJob&) = delete;

  /// Takes over the child of the next rank.
  void add(pid_t pid) { children_.push_back({pid, true, 0}); }

  /// Waits for all, passing signals on and ending the others after a failure. Returns the job's exit code.
  int wait(const SupervisedSignals& signals);

 private:
  using Clock = std::chrono::steady_clock;
  struct Child {
    pid_t pid;
    bool running;
    int code;  // exit code, or 128 + signal
  };

  struct End {
    size_t rank;
    int status;  // as waitpid gives it
  };

  void send_all(int signal) const;
  /// Ctrl-Z: all stop until this process is continued.
  void stop_all();
  void reap();
  /// The rank that failed first by itself is named as an error, others are notes: rank 0, which the others need, may
  /// end last with a fault that was the first.
  void note_end(const End& end);
  void pass_deadline();
  bool any_running() const;
  size_t num_running() const;
  std::optional<Clock::time_point> deadline() const;
  int exit_code() const;

  std::chrono::milliseconds peer_grace_;
  std::chrono::milliseconds stop_grace_;
  std::vector<Child> children_;
  std::optional<size_t> first_failed_;  // rank
  std::string first_end_;               // what is said of its end
  std::optional<size_t> cause_;         // first rank that failed by itself instead of losing a peer
  std::optional<Clock::time_point> terminate_at_;
  std::optional<Clock::time_point> kill_at_;
};

}  // namespace canine
