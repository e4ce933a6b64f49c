#include "canine/launch/listening_socket.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <system_error>
#include <utility>

#include "canine/core/errors.hpp"

namespace canine {
namespace {

using AddressList = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

AddressList parse(const std::string& address) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_PASSIVE;
  addrinfo* found = nullptr;
  if (address.empty() || ::getaddrinfo(address.c_str(), "0", &hints, &found) != 0) {
    throw UsageError("'{}' is not a numeric IPv4 or IPv6 address to listen on", address);
  }
  return {found, &::freeaddrinfo};
}

int port_of(int fd) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) != 0) return 0;
  if (bound.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6&>(bound).sin6_port);
  return ntohs(reinterpret_cast<const sockaddr_in&>(bound).sin_port);
}

}  // namespace

ListeningSocket::ListeningSocket(const std::string& address) {
  const AddressList where = parse(address);
  fd_ = ::socket(where->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd_ >= 0 && ::bind(fd_, where->ai_addr, where->ai_addrlen) == 0 && ::listen(fd_, SOMAXCONN) == 0) {
    port_ = port_of(fd_);
  }
  if (port_ == 0) {
    const int error = errno;
    close();
    throw IoError("cannot listen on {}: {}; the address must be one of this host", address,
                  std::generic_category().message(error));
  }
}

ListeningSocket::~ListeningSocket() { close(); }

ListeningSocket::ListeningSocket(ListeningSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), port_(other.port_) {}

ListeningSocket& ListeningSocket::operator=(ListeningSocket&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(port_, other.port_);
  return *this;
}

int ListeningSocket::release() { return std::exchange(fd_, -1); }

void ListeningSocket::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

}  // namespace canine
