#include "../src/dist/gloo_devices.hpp"
#include "../src/dist/local_network.hpp"
#include "dist/stores.hpp"

// After LibTorch, whose logging has a CHECK of its own.
#undef CHECK
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

using namespace canine;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("ranks of one host meet on loopback", "[gloo_devices]") {
  CHECK(address_for_peers(1, {{"a", "", "", {}}, {"a", "", "", {}}}) == "127.0.0.1");
  CHECK(address_for_unknown_peers(testing::tcp_launch(0, 2, 1)) == "127.0.0.1");
}

TEST_CASE("a rank on another host than the master offers the address that reaches the master", "[gloo_devices]") {
  const RankPlace master{"a", "", "", {"10.0.0.1"}}, other{"b", "", "10.0.0.2", {"10.0.0.2", "192.168.7.2"}};
  CHECK(address_for_peers(1, {master, other}) == "10.0.0.2");
}

TEST_CASE("two hosts without a route between them are a usage error that names the variable", "[gloo_devices]") {
  const RankPlace master{"a", "", "", {}};
  CHECK_THAT(testing::error_of([&] {
               address_for_peers(0, {master, {"b", "", "", {"127.0.0.1"}}});
             }),
             ContainsSubstring("UsageError: rank 0") && ContainsSubstring("GLOO_SOCKET_IFNAME"));
}

TEST_CASE("interfaces named in a variable must exist", "[gloo_devices]") {
  CHECK(chosen_interfaces(nullptr).empty());
  CHECK(chosen_interfaces("lo") == std::vector<std::string>{"lo"});
  CHECK(chosen_interfaces("lo,lo").size() == 2);
  CHECK_THAT(testing::error_of([] { chosen_interfaces("lo,nothing7"); }),
             ContainsSubstring("no network interface 'nothing7'"));
}

TEST_CASE("two ranks of one host on one GPU are refused", "[gloo_devices]") {
  const RankPlace first{"a", "GPU-1", "", {}}, second{"a", "GPU-2", "", {}}, far{"b", "GPU-1", "", {}},
      cpu{"a", "", "", {}};
  CHECK_NOTHROW(refuse_shared_gpus({first, second, far, cpu, cpu}));
  CHECK_THAT(testing::error_of([&] {
               refuse_shared_gpus({first, second, first});
             }),
             ContainsSubstring("UsageError: ranks 0 and 2 would share one GPU"));
}

TEST_CASE("this host is no way to itself, and a listener is found", "[local_network]") {
  CHECK(address_toward("127.0.0.1").empty());
  for (const auto& own : local_addresses()) CHECK(address_toward(own).empty());
  CHECK(host_identity() == host_identity());
  const testing::Port port;
  CHECK(await_listener("127.0.0.1", port.number(), std::chrono::steady_clock::now()).empty());
  const Listener listener = listen_on("127.0.0.1");
  CHECK(listening_port(listener.fd) == listener.port);
  ::close(listener.fd);
  CHECK(await_listener("127.0.0.1", listener.port, std::chrono::steady_clock::now()) == "Connection refused");
}
