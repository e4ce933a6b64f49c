#include "local_network.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>

#include "canine/core/host_name.hpp"

namespace canine {
namespace {

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

Addresses resolve(const std::string& host, const char* port, int type, int flags, int* problem = nullptr) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = type;
  hints.ai_flags = flags;
  addrinfo* found = nullptr;
  const int result = ::getaddrinfo(host.c_str(), port, &hints, &found);
  if (problem != nullptr) *problem = result;
  if (result != 0) found = nullptr;
  return {found, &::freeaddrinfo};
}

std::string text_of(const sockaddr* address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address->sa_family == AF_INET) {
    sockaddr_in ip4{};
    std::memcpy(&ip4, address, sizeof(ip4));
    ::inet_ntop(AF_INET, &ip4.sin_addr, text, sizeof(text));
  } else if (address->sa_family == AF_INET6) {
    sockaddr_in6 ip6{};
    std::memcpy(&ip6, address, sizeof(ip6));
    ::inet_ntop(AF_INET6, &ip6.sin6_addr, text, sizeof(text));
  }
  return text;
}

bool is_loopback(const std::string& address) { return address.starts_with("127.") || address == "::1"; }

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

/// "" once `address` accepts a connection.
std::string try_to_connect(const addrinfo& address, std::chrono::milliseconds patience) {
  const Socket tcp(::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (tcp.get() < 0) return std::strerror(errno);
  if (::connect(tcp.get(), address.ai_addr, address.ai_addrlen) == 0) return "";
  if (errno != EINPROGRESS) return std::strerror(errno);
  pollfd ready{tcp.get(), POLLOUT, 0};
  if (::poll(&ready, 1, static_cast<int>(patience.count())) == 0) return "no answer";
  int problem = 0;
  socklen_t size = sizeof(problem);
  ::getsockopt(tcp.get(), SOL_SOCKET, SO_ERROR, &problem, &size);
  return problem == 0 ? "" : std::strerror(problem);
}

}  // namespace

std::string host_identity() {
  std::string boot;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
  struct stat network {};
  const bool known = ::stat("/proc/self/ns/net", &network) == 0;
  return fmt::format("{}/{}/{}", host_name(), boot, known ? static_cast<unsigned long>(network.st_ino) : 0);
}

std::vector<std::string> local_addresses() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return {};
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(list, &::freeifaddrs);
  std::vector<std::string> addresses;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || (entry->ifa_flags & IFF_UP) == 0) continue;
    const std::string address = text_of(entry->ifa_addr);
    if (!address.empty() && !is_loopback(address) && !address.starts_with("fe80:")) addresses.push_back(address);
  }
  std::stable_partition(addresses.begin(), addresses.end(),
                        [](const std::string& address) { return address.find(':') == std::string::npos; });
  return addresses;
}

std::string address_toward(const std::string& peer) {
  const std::vector<std::string> own = local_addresses();
  const Addresses found = resolve(peer, "9", SOCK_DGRAM, 0);
  for (const addrinfo* entry = found.get(); entry != nullptr; entry = entry->ai_next) {
    const std::string target = text_of(entry->ai_addr);
    if (is_loopback(target) || std::find(own.begin(), own.end(), target) != own.end()) return "";
    const Socket udp(::socket(entry->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (udp.get() < 0 || ::connect(udp.get(), entry->ai_addr, entry->ai_addrlen) != 0) continue;
    sockaddr_storage local{};
    socklen_t size = sizeof(local);
    if (::getsockname(udp.get(), reinterpret_cast<sockaddr*>(&local), &size) != 0) continue;
    const std::string address = text_of(reinterpret_cast<const sockaddr*>(&local));
    if (!address.empty() && !is_loopback(address)) return address;
  }
  return "";
}

Listener listen_on(const std::string& address) {
  const Addresses found = resolve(address, "0", SOCK_STREAM, AI_NUMERICHOST | AI_PASSIVE);
  if (!found) throw std::runtime_error(fmt::format("{} is not an address", address));
  Socket tcp(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int both = 0;  // "::" is for IPv4, too
  if (tcp.get() >= 0 && found->ai_family == AF_INET6) {
    ::setsockopt(tcp.get(), IPPROTO_IPV6, IPV6_V6ONLY, &both, sizeof(both));
  }
  if (tcp.get() < 0 || ::bind(tcp.get(), found->ai_addr, found->ai_addrlen) != 0 || ::listen(tcp.get(), 2048) != 0) {
    throw std::runtime_error(fmt::format("cannot listen on {}: {}", address, std::strerror(errno)));
  }
  const int port = listening_port(tcp.get());
  return {tcp.release(), port};
}

Listener listen_everywhere() {
  try {
    return listen_on("::");
  } catch (const std::exception&) {
    return listen_on("0.0.0.0");  // a host without IPv6
  }
}

namespace {

std::string unknown_name(int problem) {
  return fmt::format("the name cannot be resolved ({})", ::gai_strerror(problem));
}

constexpr std::chrono::milliseconds kAgain{100};  // nothing tells when a name or a server appears

}  // namespace

std::string await_name(const std::string& host, std::chrono::steady_clock::time_point end) {
  constexpr std::chrono::seconds kNewName{5};
  const auto last = std::min(end, std::chrono::steady_clock::now() + kNewName);
  int problem = 0;
  while (!resolve(host, nullptr, SOCK_STREAM, 0, &problem)) {
    if (std::chrono::steady_clock::now() + kAgain >= last) return unknown_name(problem);
    std::this_thread::sleep_for(kAgain);
  }
  return "";
}

std::string try_listener(const std::string& host, int port, std::chrono::milliseconds patience) {
  int problem = 0;
  const Addresses found = resolve(host, std::to_string(port).c_str(), SOCK_STREAM, 0, &problem);
  if (!found) return unknown_name(problem);
  std::string reason;
  for (const addrinfo* entry = found.get(); entry != nullptr; entry = entry->ai_next) {
    reason = try_to_connect(*entry, patience);
    if (reason.empty()) break;
  }
  return reason;
}

std::string await_listener(const std::string& host, int port, std::chrono::steady_clock::time_point end) {
  constexpr std::chrono::milliseconds kPatience{2000};
  do {
    const auto rest = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    const std::string reason = try_listener(host, port, std::clamp(rest, std::chrono::milliseconds(1), kPatience));
    if (reason.empty()) return "";
    if (std::chrono::steady_clock::now() + kAgain >= end) return reason;
    std::this_thread::sleep_for(kAgain);
  } while (true);
}

int listening_port(int fd) {
  int listening = 0;
  socklen_t size = sizeof(listening);
  if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || listening == 0) return 0;
  sockaddr_storage address{};
  size = sizeof(address);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  if (address.ss_family == AF_INET) {
    sockaddr_in ip4{};
    std::memcpy(&ip4, &address, sizeof(ip4));
    return ntohs(ip4.sin_port);
  }
  sockaddr_in6 ip6{};
  std::memcpy(&ip6, &address, sizeof(ip6));
  return address.ss_family == AF_INET6 ? ntohs(ip6.sin6_port) : 0;
}

}  // namespace canine
