#include "helper_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "canine/launch/launch_context.hpp"

namespace canine {
namespace {

constexpr int kDeadlineMs = 20'000;

std::array<int, 2> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe2 failed");
  return ends;
}

/// Appends what comes next; false at the end.
bool read_some(int fd, std::string& text) {
  pollfd wait{fd, POLLIN, 0};
  int ready = 0;
  do {
    ready = ::poll(&wait, 1, kDeadlineMs);
  } while (ready < 0 && errno == EINTR);
  if (ready <= 0) throw std::runtime_error("nothing came within 20 s after: " + text);
  std::array<char, 4096> buffer{};
  const ssize_t got = ::read(fd, buffer.data(), buffer.size());
  if (got > 0) text.append(buffer.data(), static_cast<size_t>(got));
  return got > 0;
}

}  // namespace

HelperProcess::HelperProcess(const std::vector<std::string>& arguments,
                             const std::map<std::string, std::string>& variables)
    : HelperProcess(path(), arguments, variables) {}

HelperProcess::HelperProcess(const std::string& program, const std::vector<std::string>& arguments,
                             const std::map<std::string, std::string>& variables) {
  const auto events = make_pipe();
  const auto gate = make_pipe();
  const auto output = make_pipe();
  std::vector<std::string> argv = {program};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  Environment environment = process_environment();
  for (const char* name : {"RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"}) environment.erase(name);
  environment["EVENTS_FD"] = std::to_string(events[1]);
  environment["GATE_FD"] = std::to_string(gate[0]);
  for (const auto& [name, value] : variables) environment[name] = value;
  std::vector<std::string> entries;
  for (const auto& [name, value] : environment) entries.push_back(name + "=" + value);
  const auto pointers = [](std::vector<std::string>& texts) {
    std::vector<char*> result;
    for (std::string& text : texts) result.push_back(text.data());
    result.push_back(nullptr);
    return result;
  };
  const std::vector<char*> argv_pointers = pointers(argv);
  const std::vector<char*> env_pointers = pointers(entries);
  pid_ = ::fork();
  if (pid_ == 0) {
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGXCPU, SIGTSTP, SIGCHLD})
      ::signal(signal, SIG_DFL);
    ::fcntl(events[1], F_SETFD, 0);
    ::fcntl(gate[0], F_SETFD, 0);
    ::dup2(output[1], STDOUT_FILENO);
    ::dup2(output[1], STDERR_FILENO);
    ::execve(program.c_str(), argv_pointers.data(), env_pointers.data());
    ::_exit(127);
  }
  ::close(events[1]);
  ::close(gate[0]);
  ::close(output[1]);
  events_ = events[0];
  gate_ = gate[1];
  output_fd_ = output[0];
}

HelperProcess::~HelperProcess() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  for (const int fd : {events_, gate_, output_fd_}) ::close(fd);
}

std::string HelperProcess::path() {
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "launch_helper").string();
}

void HelperProcess::kill(int signal) const { ::kill(pid_, signal); }

std::vector<std::string> HelperProcess::events(size_t count) {
  while (static_cast<size_t>(std::count(pending_.begin(), pending_.end(), '\n')) < count) {
    if (!read_some(events_, pending_)) throw std::runtime_error("the helper ended after these events: " + pending_);
  }
  std::vector<std::string> lines;
  for (size_t i = 0; i < count; ++i) {
    const size_t end = pending_.find('\n');
    lines.push_back(pending_.substr(0, end));
    pending_.erase(0, end + 1);
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

std::string HelperProcess::events_until_all_are_gone() {
  while (read_some(events_, pending_)) {
  }
  return pending_;
}

void HelperProcess::wait_until_stopped() const {
  siginfo_t info{};
  ::waitid(P_PID, static_cast<id_t>(pid_), &info, WSTOPPED);
  if (info.si_code != CLD_STOPPED) throw std::runtime_error("the helper ended instead of stopping");
}

bool HelperProcess::await_state(pid_t pid, const std::string& states) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(kDeadlineMs);
  while (std::chrono::steady_clock::now() < end) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string text;
    std::getline(file, text);
    const size_t command_end = text.rfind(')');
    if (command_end + 2 < text.size() && states.find(text[command_end + 2]) != std::string::npos) return true;
    std::this_thread::yield();
  }
  return false;
}

void HelperProcess::open_gate() {
  if (::write(gate_, "g", 1) != 1) throw std::runtime_error("the gate is closed for ever");
}

void HelperProcess::wait_for_output(const std::string& text) {
  while (output_.find(text) == std::string::npos) {
    if (!read_some(output_fd_, output_)) throw std::runtime_error("the output ended without: " + text);
  }
}

int HelperProcess::wait() {
  while (read_some(output_fd_, output_)) {
  }
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace canine
