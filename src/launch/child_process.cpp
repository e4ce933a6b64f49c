#include "child_process.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "canine/core/errors.hpp"

namespace canine {
namespace {

constexpr const char* kOwnProgram = "/proc/self/exe";

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

/// Between fork and exec: system calls only, since another thread may have held any lock at the fork.
/// Returns only when something failed; errno says why.
void become(const char* program, char* const* arguments, char* const* environment, const ChildPlan& plan,
            pid_t parent) {
  ::setsid();
  if (::prctl(PR_SET_PDEATHSIG, SIGTERM) != 0) return;
  if (::getppid() != parent) ::_exit(128 + SIGTERM);  // it died before the line above
  const int null = ::open("/dev/null", O_RDONLY);
  if (null >= 0 && null != STDIN_FILENO) {
    ::dup2(null, STDIN_FILENO);
    ::close(null);
  }
  if (plan.inherited_fd >= 0 && ::fcntl(plan.inherited_fd, F_SETFD, 0) != 0) return;
  ::signal(SIGUSR1, SIG_IGN);  // a request to save that comes before there is anything to save
  ::sigprocmask(SIG_SETMASK, &plan.signal_mask, nullptr);
  ::execve(program, arguments, environment);
}

/// The errno that a child reports before its exec fails; 0 when the pipe closes silently, which is the exec.
int read_failure(int fd) {
  int failure = 0;
  ssize_t got = 0;
  do {
    got = ::read(fd, &failure, sizeof failure);
  } while (got < 0 && errno == EINTR);
  return got == sizeof failure ? failure : 0;
}

}  // namespace

pid_t start_child(const ChildPlan& plan) {
  std::vector<std::string> arguments = plan.arguments;
  std::vector<std::string> entries;
  for (const auto& [name, value] : plan.environment) entries.push_back(fmt::format("{}={}", name, value));
  const std::vector<char*> argv = pointers(arguments);
  const std::vector<char*> envp = pointers(entries);
  std::array<int, 2> report{};
  if (::pipe2(report.data(), O_CLOEXEC) != 0) {
    throw IoError("cannot start {}: {}", plan.program, std::generic_category().message(errno));
  }
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) {
    become(plan.program.c_str(), argv.data(), envp.data(), plan, parent);
    const int failure = errno;
    [[maybe_unused]] const ssize_t written = ::write(report[1], &failure, sizeof failure);
    ::_exit(127);
  }
  int failure = pid < 0 ? errno : 0;
  ::close(report[1]);
  if (pid > 0) failure = read_failure(report[0]);
  ::close(report[0]);
  if (failure != 0) {
    if (pid > 0) ::waitpid(pid, nullptr, 0);
    throw IoError("cannot start {}: {}", plan.program, std::generic_category().message(failure));
  }
  return pid;
}

std::string own_program() {
  // The real name, so that process lists show it; the link itself where that name is another file by now.
  std::error_code error;
  const std::filesystem::path name = std::filesystem::read_symlink(kOwnProgram, error);
  struct stat named {};
  struct stat running {};
  const bool same = !error && ::stat(name.c_str(), &named) == 0 && ::stat(kOwnProgram, &running) == 0 &&
                    named.st_dev == running.st_dev && named.st_ino == running.st_ino;
  return same ? name.string() : kOwnProgram;
}

std::vector<std::string> own_arguments() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  std::vector<std::string> arguments;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\0', begin);
    arguments.push_back(text.substr(begin, end - begin));
    if (end == std::string::npos) break;
    begin = end + 1;
  }
  return arguments;
}

}  // namespace canine
