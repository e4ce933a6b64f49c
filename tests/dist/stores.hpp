#pragma once

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <exception>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <utility>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/launch/launch_context.hpp"
#include "support/temporary_folder.hpp"

namespace canine::testing {

/// "PeerError: message" of what `body` throws, "" if nothing.
inline std::string error_of(const std::function<void()>& body) {
  try {
    body();
    return "";
  } catch (const PeerError& error) {
    return fmt::format("PeerError: {}", error.what());
  } catch (const UsageError& error) {
    return fmt::format("UsageError: {}", error.what());
  } catch (const std::exception& error) {
    return fmt::format("other: {}", error.what());
  }
}

/// error_of(body(i)) of threads i = 0 .. count - 1, for bodies that connect by themselves.
inline std::vector<std::string> in_ranks(int count, const std::function<void(int)>& body) {
  std::vector<std::string> errors(static_cast<size_t>(count));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < count; ++rank) {
    threads.emplace_back([&, rank] { errors[static_cast<size_t>(rank)] = error_of([&] { body(rank); }); });
  }
  for (auto& thread : threads) thread.join();
  return errors;
}

/// Place of a rank in a job of this host whose rank 0 serves a store at `port`.
inline LaunchContext tcp_launch(int rank, int world, int port) {
  LaunchContext launch;
  launch.launcher = Launcher::kTorchrun;
  launch.rank = launch.local_rank = rank;
  launch.world = launch.local_world = world;
  launch.rendezvous = Rendezvous::kTcp;
  launch.master_addr = "127.0.0.1";
  launch.master_port = port;
  launch.because = "a test says so";
  return launch;
}

/// A listening socket at a port that the system has chosen.
class Port {
 public:
  Port() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(fd_, generic, size) != 0 || ::listen(fd_, 64) != 0 || ::getsockname(fd_, generic, &size) != 0) {
      throw std::runtime_error("no port for a test");
    }
    number_ = ntohs(address.sin_port);
  }
  ~Port() {
    if (fd_ >= 0) ::close(fd_);
  }
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  int number() const { return number_; }

  /// From here on connections are refused, unless a copy still listens.
  void close() const { ::close(std::exchange(fd_, -1)); }

  /// Rank 0 serves on a copy of this socket.
  LaunchContext launch(int rank, int world) const {
    LaunchContext launch = tcp_launch(rank, world, number_);
    if (rank == 0) launch.listen_fd = ::dup(fd_);
    return launch;
  }

 private:
  mutable int fd_;
  int number_ = 0;
};

/// The store that a launcher's agent serves.
inline c10::intrusive_ptr<c10d::TCPStore> agent_store() {
  c10d::TCPStoreOptions options;
  options.port = 0;
  options.isServer = true;
  options.waitWorkers = false;
  return c10::make_intrusive<c10d::TCPStore>("127.0.0.1", options);
}

}  // namespace canine::testing
