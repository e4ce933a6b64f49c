#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <string>
#include <utility>
#include <vector>

#include "canine/launch/launch_context.hpp"
#include "launch/environments.hpp"

namespace canine {
namespace {

using namespace testing;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("--init-method wins over variables") {
  LaunchFlags flags;
  flags.init_method = "tcp://[::1]:1234";
  const LaunchContext tcp = resolve(torchrun(1, 2, 1, 2), flags);
  CHECK(tcp.rendezvous == Rendezvous::kTcp);
  CHECK(tcp.master_addr == "::1");
  CHECK(tcp.master_port == 1234);
  flags.init_method = "file:///shared/store";
  const LaunchContext file = resolve(without(torchrun(1, 2, 1, 2), {"MASTER_ADDR", "MASTER_PORT"}), flags);
  CHECK(file.rendezvous == Rendezvous::kFile);
  CHECK(file.store_file == "/shared/store");
  flags.init_method = "env://";
  CHECK(resolve(torchrun(1, 2, 1, 2), flags).rendezvous == Rendezvous::kAgent);
  CHECK(resolve(open_mpi(1, 2, 1, 2), flags).rendezvous == Rendezvous::kMpi);
}

TEST_CASE("what files of variables leave around values does not count") {
  const LaunchContext context = resolve(with(torchrun(1, 4, 1, 4), {{"MASTER_ADDR", " 10.0.0.7\r"},
                                                                    {"MASTER_PORT", "29500 \r\n"},
                                                                    {"WORLD_SIZE", "\"4\""},
                                                                    {"RANK", "'2' "},
                                                                    {"LOCAL_RANK", "\t2"}}));
  check_place(context, Launcher::kTorchrun, 2, 4, 2, 4);
  CHECK(context.master_addr == "10.0.0.7");
  CHECK(context.master_port == 29500);
  CHECK(resolve({{"RANK", " \r"}}).launcher == Launcher::kSingle);
}

TEST_CASE("the place to meet is one address or name") {
  const auto meet = [](const std::string& address) { return with(torchrun(1, 2, 1, 2), {{"MASTER_ADDR", address}}); };
  CHECK(resolve(meet("[::1]")).master_addr == "::1");
  for (const char* fine : {"::1", "fe80::1%eth0", "node-1.example.org", "node_1", "127.0.0.1", "localhost"}) {
    CHECK(resolve(meet(fine)).master_addr == fine);
  }
  const std::pair<const char*, const char*> refused[] = {
      {"10.0.0.1 172.17.0.1", "MASTER_ADDR='10.0.0.1 172.17.0.1' names several addresses"},
      {"10.0.0.1,10.0.0.2", "names several addresses"},
      {"10.0.0.1\n10.0.0.2", "MASTER_ADDR='10.0.0.1\\x0a10.0.0.2' names several addresses"},
      {"127.0.0.1:29533", "holds a port, which MASTER_PORT is for: set MASTER_ADDR=127.0.0.1 MASTER_PORT=29533"},
      {"[::1]:80", "set MASTER_ADDR=::1 MASTER_PORT=80"},
      {"tcp://127.0.0.1", "is a URL"},
      {"[]", "is neither an address nor a name"},
      {"user@node1", "is neither an address nor a name"},
      {"no\x1bpe", "MASTER_ADDR='no\\x1bpe' is neither an address nor a name"}};
  for (const auto& row : refused) {
    INFO(row.first);
    CHECK_THAT(refusal(meet(row.first)), ContainsSubstring(row.second));
    CHECK_THAT(refusal(with(slurm_step(), {{"MASTER_ADDR", row.first}})), ContainsSubstring(row.second));
  }
}

TEST_CASE("--launcher single is one process, whatever a launcher has left, but not in a job of this program's own") {
  LaunchFlags flags;
  flags.single = true;
  for (const Environment& left : {slurm_step(), torchrun(1, 2, 1, 2), open_mpi(1, 2, 1, 2), hydra(1, 2, 1, 2),
                                  Environment{{"WORLD_SIZE", "4"}}, Environment{{"PMIX_RANK", "1"}}}) {
    const LaunchContext context = resolve(left, flags);
    check_place(context, Launcher::kSingle, 0, 1, 0, 1);
    CHECK(context.rendezvous == Rendezvous::kNone);
    CHECK_THAT(context.because, ContainsSubstring("--launcher single"));
  }
  const Environment own = with(torchrun(1, 2, 1, 2), {{"CANINE_SELF_LAUNCH", "77"}});
  check_place(resolve(own, flags), Launcher::kSelf, 1, 2, 1, 2);
}

TEST_CASE("impossible --init-method values are refused") {
  for (const char* method : {"tcp://host", "tcp://:80", "tcp://host:0", "tcp://host:70000", "tcp://h:1?rank=0",
                             "file://relative", "file:///", "file:///folder/", "gossip://x"}) {
    LaunchFlags flags;
    flags.init_method = method;
    INFO(method);
    CHECK_THAT(refusal(torchrun(1, 2, 1, 2), flags), ContainsSubstring("--init-method '"));
  }
}

}  // namespace
}  // namespace canine
