#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/temporary_folder.hpp"

namespace canine::testing {

/// The ranks of a job as child processes (rank_program.cpp) over a store that rank 0 serves, with one fault in it.
/// Whatever is left of them is killed at the end.
class RankProcesses {
 public:
  RankProcesses(int world, const std::string& fault) {
    const int listener = listen();
    for (int rank = 0; rank < world; ++rank) start(rank, world, fault, listener);
    ::close(listener);
  }
  RankProcesses(const RankProcesses&) = delete;
  RankProcesses& operator=(const RankProcesses&) = delete;
  ~RankProcesses() {
    for (const pid_t child : children_) {
      if (child <= 0) continue;
      ::kill(child, SIGKILL);
      ::waitpid(child, nullptr, 0);
    }
  }

  /// Exit status, 128 + n after signal n, or -1 if the rank still runs after 30 s.
  int wait(int rank) {
    pid_t& child = children_.at(static_cast<size_t>(rank));
    const int handle = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
    pollfd end{handle, POLLIN, 0};
    const bool ended = ::poll(&end, 1, 30'000) == 1;
    ::close(handle);
    if (!ended) return -1;
    int status = 0;
    ::waitpid(child, &status, 0);
    child = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  /// What the rank has written to stderr.
  std::string said(int rank) const {
    std::ifstream file(folder_.path() / std::to_string(rank));
    return {std::istreambuf_iterator<char>(file), {}};
  }

  /// What the rank has left for its launcher, "" if nothing.
  std::string error_text(int rank) const {
    std::ifstream file(error_file(rank));
    return {std::istreambuf_iterator<char>(file), {}};
  }

  int port() const { return port_; }

 private:
  std::filesystem::path error_file(int rank) const { return folder_.path() / ("error" + std::to_string(rank)); }

  int listen() {
    const int listener = ::socket(AF_INET6, SOCK_STREAM, 0);
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_addr = in6addr_any;
    socklen_t size = sizeof(address);
    if (::bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener, 64) != 0 ||
        ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw std::runtime_error("no socket for the ranks of a test");
    }
    port_ = ntohs(address.sin6_port);
    return listener;
  }

  void start(int rank, int world, const std::string& fault, int listener) {
    std::vector<std::string> variables = {"RANK=" + std::to_string(rank),
                                          "WORLD_SIZE=" + std::to_string(world),
                                          "MASTER_PORT=" + std::to_string(port_),
                                          "TEST_LISTEN_FD=" + std::to_string(listener),
                                          "OMP_NUM_THREADS=1",
                                          "TORCHELASTIC_ERROR_FILE=" + error_file(rank).string(),
                                          "CANINE_FAULT=" + fault};
    if (const char* path = std::getenv("PATH")) variables.push_back(std::string("PATH=") + path);
    std::vector<char*> environment;
    for (std::string& variable : variables) environment.push_back(variable.data());
    environment.push_back(nullptr);
    const std::string log = (folder_.path() / std::to_string(rank)).string();
    std::string program = CANINE_RANK_PROGRAM;
    char* arguments[] = {program.data(), nullptr};
    const pid_t child = ::fork();
    if (child == 0) {
      if (::freopen(log.c_str(), "w", stderr) == nullptr) ::_exit(127);
      if (rank != 0) ::close(listener);
      ::execve(program.c_str(), arguments, environment.data());
      ::_exit(127);
    }
    children_.push_back(child);
  }

  TemporaryFolder folder_;
  int port_ = 0;
  std::vector<pid_t> children_;
};

}  // namespace canine::testing
