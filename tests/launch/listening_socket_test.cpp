#include "canine/launch/listening_socket.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <utility>

#include "canine/core/errors.hpp"

namespace canine {
namespace {

/// Whether a connection to 127.0.0.1:port is taken up by a listener.
bool connects(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool connected = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return connected;
}

TEST_CASE("a listening socket takes connections on its port until it goes") {
  int port = 0;
  {
    const ListeningSocket socket;
    port = socket.port();
    CHECK(port > 0);
    CHECK(connects(port));
    CHECK((::fcntl(socket.fd(), F_GETFD) & FD_CLOEXEC) != 0);
  }
  CHECK_FALSE(connects(port));
}

TEST_CASE("two listening sockets have two ports") { CHECK(ListeningSocket().port() != ListeningSocket().port()); }

TEST_CASE("a listening socket can be moved and given away") {
  ListeningSocket first;
  const int port = first.port();
  ListeningSocket second(std::move(first));
  CHECK(second.port() == port);
  const int fd = second.release();
  CHECK(second.fd() == -1);
  CHECK(connects(port));
  ::close(fd);
  CHECK_FALSE(connects(port));
}

TEST_CASE("only numeric addresses of this host can be listened on") {
  CHECK_THROWS_AS(ListeningSocket(""), UsageError);
  CHECK_THROWS_AS(ListeningSocket("localhost"), UsageError);
  CHECK_THROWS_AS(ListeningSocket("1.2.3.4.5"), UsageError);
  CHECK_THROWS_AS(ListeningSocket("192.0.2.1"), IoError);  // reserved for documentation, nobody's
}

}  // namespace
}  // namespace canine
