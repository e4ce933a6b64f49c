#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace canine {

/// Names the network stack that this process lives in: host name, boot and network namespace. Two processes can talk
/// over loopback exactly if it is equal; two network namespaces of one machine are two hosts.
std::string host_identity();

/// Addresses of this host's interfaces that are up, without loopback and link-local ones, IPv4 first.
std::vector<std::string> local_addresses();

/// The local address from which packets to `peer` (an address or a host name) leave; "" if there is no route, the name
/// is unknown, or `peer` is this host itself. Nothing is sent.
std::string address_toward(const std::string& peer);

struct Listener {
  int fd = -1;  ///< bound and listening; the caller owns it
  int port = 0;
};

/// Listens on `address` at a port that the system chooses. Throws std::runtime_error with the reason.
Listener listen_on(const std::string& address);

/// The same on all addresses of this host.
Listener listen_everywhere();

/// Whether `host`:`port` accepts a connection, which is closed at once: "" or the reason why not, "the name cannot be
/// resolved (...)", "Connection refused", or after `patience` (for each address of a name) "no answer".
std::string try_listener(const std::string& host, int port, std::chrono::milliseconds patience);

/// Waits until `host` is an address or a name that can be resolved, for some seconds at most (a name may be new) and
/// not beyond `end`: "" or the reason why it cannot be.
std::string await_name(const std::string& host, std::chrono::steady_clock::time_point end);

/// The same as try_listener again and again until `end`. "" or the last reason why not.
std::string await_listener(const std::string& host, int port, std::chrono::steady_clock::time_point end);

/// Port that `fd` listens on; 0 if it is not a listening socket.
int listening_port(int fd);

}  // namespace canine
