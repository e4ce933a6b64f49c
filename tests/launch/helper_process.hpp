#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

namespace canine {

/// A started tests/launch/launch_helper.cpp with its events, gate and output. Every wait ends with a failed test after
/// 20 s. Killed on destruction.
class HelperProcess {
 public:
  explicit HelperProcess(const std::vector<std::string>& arguments,
                         const std::map<std::string, std::string>& variables = {});
  /// The same for any program.
  HelperProcess(const std::string& program, const std::vector<std::string>& arguments,
                const std::map<std::string, std::string>& variables);
  ~HelperProcess();
  HelperProcess(const HelperProcess&) = delete;
  HelperProcess& operator=(const HelperProcess&) = delete;

  static std::string path();

  pid_t pid() const { return pid_; }
  void kill(int signal) const;

  /// The next `count` lines of events, sorted.
  std::vector<std::string> events(size_t count);

  /// Waits until no process that inherited the event pipe lives any more, and returns the remaining lines.
  std::string events_until_all_are_gone();

  /// Waits until this process is stopped.
  void wait_until_stopped() const;

  /// Waits until a process is in one of these states (as in /proc/<pid>/stat); false after 20 s.
  static bool await_state(pid_t pid, const std::string& states);

  /// Lets one gated action go on.
  void open_gate();

  /// Waits until the output so far contains `text`.
  void wait_for_output(const std::string& text);

  /// Waits for the end of this process and of all that write to its output: exit code, or 128 + signal.
  int wait();

  /// stdout and stderr together, as far as they were read by the waits above.
  const std::string& output() const { return output_; }

 private:
  pid_t pid_ = -1;
  int events_ = -1;
  int gate_ = -1;
  int output_fd_ = -1;
  std::string pending_;
  std::string output_;
};

}  // namespace canine
