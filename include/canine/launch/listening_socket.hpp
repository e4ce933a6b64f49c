#pragma once

#include <string>

namespace canine {

/// A TCP socket that listens on a port of the kernel's choice, so that nobody else can take the port between choosing
/// and using it: the descriptor itself is handed to who serves. Closed on destruction, and on exec unless inherited on
/// purpose (self_launch.hpp).
class ListeningSocket {
 public:
  /// Binds a numeric IPv4 or IPv6 address of this host. Throws UsageError for anything that is not one, IoError when it
  /// cannot be bound.
  explicit ListeningSocket(const std::string& address = "127.0.0.1");
  ~ListeningSocket();
  ListeningSocket(ListeningSocket&& other) noexcept;
  ListeningSocket& operator=(ListeningSocket&& other) noexcept;

  int fd() const { return fd_; }
  int port() const { return port_; }

  /// Gives the descriptor away: the caller closes it.
  int release();

 private:
  void close();

  int fd_ = -1;
  int port_ = 0;
};

}  // namespace canine
