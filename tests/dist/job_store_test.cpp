#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/HashStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
// LibTorch's CHECK must not win.
#undef CHECK

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <functional>
#include <future>
#include <string>
#include <vector>

#include "../src/dist/local_network.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/dist/job_store.hpp"
#include "dist/stores.hpp"

using namespace canine;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using testing::in_ranks;
using testing::Port;
using testing::tcp_launch;
using testing::TemporaryFolder;

TEST_CASE("ranks join rank 0's own store, on a socket that was there before", "[job_store]") {
  const Port port;
  const auto errors = in_ranks(3, [&](int rank) {
    const auto store = JobStore::connect(port.launch(rank, 3), 20s);
    store->set("from/" + std::to_string(rank), "hello");
    for (int other = 0; other < 3; ++other) {
      if (store->wait("from/" + std::to_string(other), 20s, "a greeting") != "hello") throw std::runtime_error("other");
    }
    store->leave(rank, 3, 20s);
  });
  CHECK(errors == std::vector<std::string>(3));
}

TEST_CASE("ranks join the launcher's store as clients", "[job_store]") {
  const auto agent = testing::agent_store();
  const auto errors = in_ranks(2, [&](int rank) {
    LaunchContext launch = tcp_launch(rank, 2, agent->getPort());
    launch.rendezvous = Rendezvous::kAgent;
    const auto store = JobStore::connect(launch, 20s);
    if (store->add("count", 1) > 2) throw std::runtime_error("the counter is not ours");
  });
  CHECK(errors == std::vector<std::string>(2));
}

TEST_CASE("a restarted job does not see the keys of its former run", "[job_store]") {
  const auto agent = testing::agent_store();
  for (int restart = 0; restart < 2; ++restart) {
    const auto errors = in_ranks(2, [&](int rank) {
      LaunchContext launch = tcp_launch(rank, 2, agent->getPort());
      launch.rendezvous = Rendezvous::kAgent;
      launch.restart = restart;
      const auto store = JobStore::connect(launch, 20s);
      if (store->find("mark/" + std::to_string(rank))) throw std::runtime_error("an old key");
      store->set("mark/" + std::to_string(rank), "");
    });
    CHECK(errors == std::vector<std::string>(2));
  }
}

TEST_CASE("every rank names the missing ones at the deadline", "[job_store]") {
  const Port port;
  const auto errors = in_ranks(2, [&](int thread) {
    const int rank = thread == 0 ? 0 : 2;
    JobStore::connect(port.launch(rank, 4), 1500ms);
  });
  for (const auto& error : errors) {
    CHECK_THAT(error, ContainsSubstring("PeerError: ranks 1, 3 have not joined the job of 4 processes within 1.5 s"));
    CHECK_THAT(error, ContainsSubstring("--timeout-init"));
    CHECK_THAT(error, ContainsSubstring("rank 2 ("));
  }
}

TEST_CASE("a rank that nobody answers says who is absent", "[job_store]") {
  const auto agent = testing::agent_store();
  LaunchContext launch = tcp_launch(1, 2, agent->getPort());
  launch.rendezvous = Rendezvous::kAgent;
  CHECK_THAT(testing::error_of([&] { JobStore::connect(launch, 300ms); }),
             ContainsSubstring("PeerError: rank 0 has not joined the job of 2 processes within 0.3 s"));
}

TEST_CASE("two processes with one rank are refused on both sides", "[job_store]") {
  const Port port;
  const auto errors = in_ranks(3, [&](int thread) { JobStore::connect(port.launch(std::min(thread, 1), 3), 20s); });
  for (const auto& error : errors) {
    CHECK_THAT(error, ContainsSubstring("UsageError: two processes say that they are rank 1"));
  }
}

TEST_CASE("processes of jobs of different sizes are refused", "[job_store]") {
  const Port port;
  const auto errors = in_ranks(2, [&](int rank) { JobStore::connect(port.launch(rank, rank == 0 ? 2 : 3), 20s); });
  for (const auto& error : errors) CHECK_THAT(error, ContainsSubstring("UsageError: rank 1 ("));
  CHECK_THAT(errors[1], ContainsSubstring("WORLD_SIZE differs"));
}

TEST_CASE("a port in use is named with the variables it came from", "[job_store]") {
  const Port port;  // listens
  const auto message = testing::error_of([&] { JobStore::connect(tcp_launch(0, 2, port.number()), 5s); });
  CHECK_THAT(message, ContainsSubstring("UsageError"));
  CHECK_THAT(message, ContainsSubstring(std::to_string(port.number()) + " is in use"));
  CHECK_THAT(message, ContainsSubstring("errno 98"));
  CHECK_THAT(message, ContainsSubstring("MASTER_PORT"));
  CHECK_THAT(message, !ContainsSubstring("frame #") && !ContainsSubstring("Exception raised from"));
}

TEST_CASE("an unreachable master is named at the deadline", "[job_store]") {
  const int number = Port().number();  // free again
  const auto message = testing::error_of([&] { JobStore::connect(tcp_launch(1, 2, number), 1s); });
  CHECK_THAT(message, ContainsSubstring("PeerError: the job's store at 127.0.0.1:" + std::to_string(number)));
  CHECK_THAT(message, ContainsSubstring("nobody answered within 1 s (--timeout-init)"));
  CHECK_THAT(message, ContainsSubstring("rank 1 of 2"));
  CHECK_THAT(message, !ContainsSubstring("frame #"));
}

TEST_CASE("an unknown master name is told from a silent one", "[job_store]") {
  for (const int rank : {0, 1}) {
    LaunchContext launch = tcp_launch(rank, 2, 29500);
    launch.master_addr = "no-such-host.invalid";
    const auto message = testing::error_of([&] { JobStore::connect(launch, 1s); });
    CHECK_THAT(message, ContainsSubstring("PeerError"));
    CHECK_THAT(message, ContainsSubstring("the name cannot be resolved"));
    CHECK_THAT(message, ContainsSubstring("getent hosts no-such-host.invalid"));
  }
}

TEST_CASE("an unknown master name is given up long before the deadline of joining", "[job_store]") {
  LaunchContext launch = tcp_launch(0, 2, 29500);
  launch.master_addr = "no-such-host.invalid";
  CHECK_THAT(testing::error_of([&] { JobStore::connect(launch, 1h); }), ContainsSubstring("cannot be resolved"));
}

TEST_CASE("who may have been started by hand is told the way out", "[job_store]") {
  const Port port;
  LaunchContext launch = port.launch(0, 2);
  launch.launcher = Launcher::kSlurm;
  CHECK_THAT(testing::error_of([&] { JobStore::connect(launch, 200ms); }),
             ContainsSubstring("rank 1 has not joined") && ContainsSubstring("add --launcher single"));
  CHECK_THAT(testing::error_of([&] { JobStore::connect(port.launch(0, 2), 200ms); }),
             !ContainsSubstring("--launcher"));  // torchrun has certainly started it
}

TEST_CASE("a foreign server that says nothing does not hold a rank for ever", "[job_store]") {
  const Port port;  // listens, and never answers
  CHECK_THAT(testing::error_of([&] { JobStore::connect(tcp_launch(1, 2, port.number()), 500ms); }),
             ContainsSubstring("PeerError"));
}

TEST_CASE("no port and no socket is a usage error", "[job_store]") {
  CHECK_THAT(testing::error_of([] { JobStore::connect(tcp_launch(0, 2, 0), 1s); }),
             ContainsSubstring("UsageError") && ContainsSubstring("MASTER_PORT"));
}

TEST_CASE("a rank that meets the store of another job is refused at once", "[job_store]") {
  const auto agent = testing::agent_store();
  const auto launch = [&](int rank) {
    LaunchContext result = tcp_launch(rank, 2, agent->getPort());
    result.rendezvous = Rendezvous::kAgent;
    return result;
  };
  CHECK(in_ranks(2, [&](int rank) { JobStore::connect(launch(rank), 20s); }) == std::vector<std::string>(2));
  CHECK_THAT(testing::error_of([&] { JobStore::connect(launch(1), 20s); }),
             ContainsSubstring("PeerError") && ContainsSubstring("belongs to another job"));
}

namespace {

LaunchContext file_launch(const TemporaryFolder& folder, int rank, int world) {
  LaunchContext launch;
  launch.rank = rank;
  launch.world = world;
  launch.rendezvous = Rendezvous::kFile;
  launch.store_file = folder.path() / "store";
  return launch;
}

std::string place_text(const std::string& host, int port) {
  return "canine meeting place\n" + host + "\n0123456789abcdef " + std::to_string(port) + "\n127.0.0.1\n";
}

}  // namespace

TEST_CASE("ranks join through a file, whatever earlier jobs have left in its place", "[job_store]") {
  const TemporaryFolder folder;
  const auto launch = [&](int rank) { return file_launch(folder, rank, 3); };
  const auto agent = testing::agent_store();
  SECTION("nothing") {}
  SECTION("an empty file") { write_file(launch(0).store_file, ""); }
  SECTION("a store of c10d") { write_file(launch(0).store_file, std::string("\5\0\0\0\0\0\0\0init/", 13)); }
  SECTION("the place of a job that is gone") {
    write_file(launch(0).store_file, place_text(host_identity(), Port().number()));
  }
  SECTION("the place of a job that still runs") {
    CHECK(in_ranks(2, [&](int rank) {
            LaunchContext other = tcp_launch(rank, 2, agent->getPort());
            other.rendezvous = Rendezvous::kAgent;
            JobStore::connect(other, 20s);
          }) == std::vector<std::string>(2));
    write_file(launch(0).store_file, place_text(host_identity(), agent->getPort()));
  }
  SECTION("a place on another host") { write_file(launch(0).store_file, place_text("elsewhere", Port().number())); }
  const auto errors = in_ranks(3, [&](int rank) {
    const auto store = JobStore::connect(launch(rank), 20s);
    if (store->add("arrivals", 1) > 3) throw std::runtime_error("an old counter");
    // The job lives, and its file is gone: a killed job leaves none behind, and signs of life make nothing grow.
    if (rank == 0) store->set("left over", std::filesystem::is_empty(folder.path()) ? "nothing" : "a file");
    if (store->wait("left over", 20s, "rank 0's look") != "nothing") throw std::runtime_error("a file is left");
    store->leave(rank, 3, 20s);
  });
  CHECK(errors == std::vector<std::string>(3));
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("somebody's file is no place to meet", "[job_store]") {
  const TemporaryFolder folder;
  const LaunchContext launch = file_launch(folder, 0, 3);
  write_file(launch.store_file, "the notes of somebody\n");
  CHECK_THAT(testing::error_of([&] { JobStore::connect(launch, 200ms); }),
             ContainsSubstring("UsageError: --init-method file://") && ContainsSubstring("would be lost"));
  CHECK(read_file(launch.store_file) == "the notes of somebody\n");
}

TEST_CASE("rank 0 takes its word out of the file also when others do not come", "[job_store]") {
  const TemporaryFolder folder;
  CHECK_THAT(testing::error_of([&] { JobStore::connect(file_launch(folder, 0, 3), 200ms); }),
             ContainsSubstring("PeerError: ranks 1, 2 have not joined"));
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("a file that no living rank 0 has named is refused at the deadline", "[job_store]") {
  const TemporaryFolder folder;
  const LaunchContext launch = file_launch(folder, 1, 2);
  CHECK_THAT(testing::error_of([&] { JobStore::connect(launch, 300ms); }),
             ContainsSubstring("PeerError: rank 0 has not joined within 0.3 s") && ContainsSubstring("no such file"));
  write_file(launch.store_file, place_text(host_identity(), Port().number()));
  CHECK_THAT(testing::error_of([&] { JobStore::connect(launch, 300ms); }),
             ContainsSubstring("PeerError: rank 0 has not joined within 0.3 s") && ContainsSubstring("another job"));
}

TEST_CASE("too few file descriptors are a usage error before anything is opened", "[job_store]") {
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit few{40, 40};
    ::setrlimit(RLIMIT_NOFILE, &few);
    const auto message = testing::error_of([] { JobStore::connect(tcp_launch(0, 2, 29500), 1s); });
    ::_exit(message.starts_with("UsageError: this process may open 40 files") ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  CHECK(status == 0);
}

TEST_CASE("a low soft limit of file descriptors is raised", "[job_store]") {
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit low{64, before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &low);
  const Port port;
  const auto errors = in_ranks(2, [&](int rank) { JobStore::connect(port.launch(rank, 2), 20s)->leave(rank, 2, 20s); });
  rlimit after{};
  ::getrlimit(RLIMIT_NOFILE, &after);
  ::setrlimit(RLIMIT_NOFILE, &before);
  CHECK(errors == std::vector<std::string>(2));
  CHECK(after.rlim_cur == before.rlim_max);
}

TEST_CASE("a wait says what did not come", "[job_store]") {
  JobStore store(c10::make_intrusive<c10d::HashStore>(), "test");
  CHECK_FALSE(store.find("key"));
  CHECK(testing::error_of([&] { store.wait("key", 50ms, "the data of rank 0"); }) ==
        "PeerError: the data of rank 0 did not come within 0.05 s");
  store.set("key", "value");
  CHECK(store.find("key") == "value");
  CHECK(store.wait("key", 50ms, "the data of rank 0") == "value");
}

TEST_CASE("a wait without limit asks in every period whether to go on", "[job_store]") {
  JobStore store(c10::make_intrusive<c10d::HashStore>(), "test");
  int periods = 0;
  const std::string value = store.wait_while("key", 10ms, [&] {
    if (++periods == 3) store.set("key", "here");
  });
  CHECK(value == "here");
  CHECK(periods == 3);
  CHECK(testing::error_of([&] {
          store.wait_while("other", 10ms, [] { throw PeerError("rank 0 gives no sign of life"); });
        }) == "PeerError: rank 0 gives no sign of life");
}

TEST_CASE("clones wait in several threads at once", "[job_store]") {
  const Port port;
  const auto errors = in_ranks(2, [&](int rank) {
    const auto store = JobStore::connect(port.launch(rank, 2), 20s);
    const auto second = store->clone();
    auto waiting = std::async(std::launch::async, [&] { return second->wait("late", 20s, "a key"); });
    if (store->add("ready", 1) == 2) store->set("late", "came");
    const std::string value = waiting.get();
    store->leave(rank, 2, 20s);
    if (value != "came") throw std::runtime_error(value);
  });
  CHECK(errors == std::vector<std::string>(2));
}

TEST_CASE("a lost store is a peer error without a stack trace", "[job_store]") {
  const Port port;
  std::promise<void> gone;
  auto is_gone = gone.get_future().share();
  const auto errors = in_ranks(2, [&](int rank) {
    auto store = JobStore::connect(port.launch(rank, 2), 20s);
    if (rank == 0) {
      store->wait("connected", 20s, "rank 1");
      store.reset();
      gone.set_value();
      return;
    }
    store->set("connected", "");
    is_gone.wait();
    store->wait("never", 20s, "a key");
  });
  CHECK(errors[0].empty());
  CHECK_THAT(errors[1], ContainsSubstring("PeerError: the connection to the job's store is lost") &&
                            !ContainsSubstring("frame #"));
}

TEST_CASE("a second connection to a server that is gone is refused, not waited for", "[job_store]") {
  const Port port;
  std::promise<void> gone;
  auto is_gone = gone.get_future().share();
  const auto errors = in_ranks(2, [&](int rank) {
    auto store = JobStore::connect(port.launch(rank, 2), std::chrono::hours(1));  // as long as c10d would wait
    if (rank == 0) {
      store->wait("connected", 20s, "rank 1");
      store.reset();
      port.close();
      gone.set_value();
      return;
    }
    store->set("connected", "");
    is_gone.wait();
    store->clone();
  });
  CHECK(errors[0].empty());
  CHECK_THAT(errors[1], ContainsSubstring("PeerError: the job's store is lost while opening a second connection") &&
                            ContainsSubstring("Connection refused"));
}
