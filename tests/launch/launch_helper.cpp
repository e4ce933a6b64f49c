// A program for the tests of room launch to start. Usage:
//   launch_helper launch N PEER_GRACE_MS STOP_GRACE_MS ACTION_OF_RANK_0 ... ACTION_OF_RANK_N-1
//   launch_helper run ACTION           the action as rank 0, without a parent of our own
// Events go as lines "RANK WORD ..." to the descriptor EVENTS_FD; a byte from GATE_FD lets one gated action go on.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/core/log.hpp"
#include "canine/launch/error_file.hpp"
#include "canine/launch/fault_reporter.hpp"
#include "canine/launch/launch_context.hpp"
#include "canine/launch/parent_death.hpp"
#include "canine/launch/request_signals.hpp"
#include "canine/launch/self_launch.hpp"
#include "canine/launch/stop_request.hpp"
#include "canine/launch/thread_share.hpp"

namespace canine {
namespace {

int descriptor(const char* name) { return std::atoi(std::getenv(name)); }

void event(const LaunchContext& launch, const std::string& text) {
  const std::string line = fmt::format("{} {}\n", launch.rank, text);
  if (::write(descriptor("EVENTS_FD"), line.data(), line.size()) < 0) std::abort();
}

void wait_at_gate() {
  char byte = 0;
  if (::read(descriptor("GATE_FD"), &byte, 1) < 0) std::abort();
}

[[noreturn]] void wait_forever() {
  while (true) ::pause();
}

/// As a training loop: ends on a stop request, reports requests to save, without a gap in which a signal is lost.
int stop_on_request(const LaunchContext& launch) {
  const sigset_t blocked = request_signals();
  sigset_t former;
  ::sigprocmask(SIG_BLOCK, &blocked, &former);
  const StopRequest request;
  event(launch, "ready");
  while (StopRequest::signal() == 0) {
    ::sigsuspend(&former);
    if (StopRequest::take_save_request()) event(launch, "save");
  }
  event(launch, fmt::format("signal {}", StopRequest::signal()));
  return 75;
}

/// Stops in good order, but hangs while it does.
int hang_after_request(const LaunchContext& launch) {
  const StopRequest request;
  event(launch, "ready");
  wait_forever();
}

int report_place(const LaunchContext& launch) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  int port = 0;
  if (launch.listen_fd >= 0 && ::getsockname(launch.listen_fd, reinterpret_cast<sockaddr*>(&address), &size) == 0) {
    port = ntohs(address.sin_port);
  }
  const char* extra = std::getenv("EXTRA");
  char byte = 0;
  event(launch, fmt::format("place {} listens={} parent={} leader={} stdin={} extra={}", launch.describe(),
                            port == launch.master_port, launch.launcher_pid == ::getppid(), ::getsid(0) == ::getpid(),
                            ::read(STDIN_FILENO, &byte, 1), extra ? extra : ""));
  return 0;
}

int leave_grandchild(const LaunchContext& launch) {
  if (::fork() == 0) wait_forever();
  event(launch, "ready");
  return 0;
}

int overflow_stack(int depth) {
  if (depth == 1 << 30) return 0;
  volatile char frame[4096] = {};
  frame[0] = static_cast<char>(depth);
  return overflow_stack(depth + 1) + frame[0];
}

int act(const LaunchContext& launch, const std::string& action) {
  const size_t equals = action.find('=');
  const std::string verb = action.substr(0, equals);
  const std::string value = equals == std::string::npos ? "" : action.substr(equals + 1);
  if (verb == "exit") return std::atoi(value.c_str());
  if (verb == "raise") return ::raise(std::atoi(value.c_str()));
  if (verb == "gated") {
    event(launch, "ready");
    wait_at_gate();
    return act(launch, value);
  }
  if (verb == "wait") {
    event(launch, fmt::format("ready {}", ::getpid()));
    wait_forever();
  }
  if (verb == "stubborn") {
    ::signal(SIGTERM, SIG_IGN);
    event(launch, "ready");
    wait_forever();
  }
  if (verb == "stop") return stop_on_request(launch);
  if (verb == "hang") return hang_after_request(launch);
  if (verb == "place") return report_place(launch);
  if (verb == "grandchild") return leave_grandchild(launch);
  if (verb == "launcher") {
    event(launch, fmt::format("launcher {}", host_facts().launcher_pid));
    return 0;
  }
  if (verb == "overflow") return overflow_stack(0);
  if (verb == "throw") throw std::runtime_error(value);
  if (verb == "thread-throw") std::jthread([&value] { throw PeerError("{}", value); }).join();
  return 99;
}

int launch_all(const std::vector<std::string>& arguments) {
  SelfLaunchOptions options;
  options.num_processes = std::atoi(arguments.at(2).c_str());
  options.peer_grace = std::chrono::milliseconds(std::atoi(arguments.at(3).c_str()));
  options.stop_grace = std::chrono::milliseconds(std::atoi(arguments.at(4).c_str()));
  for (int rank = 0; rank < options.num_processes; ++rank) {
    options.variables.push_back({{"EXTRA", fmt::format("extra{}", rank)}});
  }
  std::fputs("buffered once\n", stdout);  // a copy of the buffer in a child would come out twice
  return self_launch(options);
}

int run(const std::vector<std::string>& arguments) {
  const Environment environment = process_environment();
  const LaunchContext launch = resolve_launch(environment, {}, host_facts());
  if (arguments.at(1) == "launch" && launch.launcher != Launcher::kSelf) return launch_all(arguments);
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  install_fault_reporter(launch.rank, launcher_error_file(environment));
  end_with_launcher(launch, std::chrono::seconds(1));
  const size_t first = arguments.at(1) == "launch" ? 5 : 2;
  const std::string& action = arguments.at(first + static_cast<size_t>(launch.rank));
  if (action.starts_with("throw")) note_step(12);
  return act(launch, action);
}

}  // namespace
}  // namespace canine

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv, argv + argc);
  if (arguments.size() > 2 && arguments[2].find("throw") == 0) return canine::run(arguments);  // nobody catches
  try {
    return canine::run(arguments);
  } catch (const canine::Error& error) {
    canine::log_error("{}", error.what());
    return static_cast<int>(error.exit_code());
  }
}
