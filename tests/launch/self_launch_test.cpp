#include "canine/launch/self_launch.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <csignal>
#include <string>
#include <vector>

#include "canine/core/errors.hpp"
#include "helper_process.hpp"

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;
using Lines = std::vector<std::string>;

/// Graces so long that a test fails at its deadline if it needs one of them to pass.
constexpr const char* kLong = "600000";

Lines launch(int num_processes, const Lines& actions, const std::string& peer_grace = kLong,
             const std::string& stop_grace = kLong) {
  Lines arguments = {"launch", std::to_string(num_processes), peer_grace, stop_grace};
  arguments.insert(arguments.end(), actions.begin(), actions.end());
  return arguments;
}

TEST_CASE("self launch: each child knows its place, rank 0 has the listening socket") {
  HelperProcess helper(launch(2, {"place", "place"}));
  const Lines events = helper.events(2);
  const std::string because =
      "because the program itself (process " + std::to_string(helper.pid()) + ") has started 2 processes";
  const std::string meeting = "; the ranks meet at 127.0.0.1:";
  CHECK_THAT(events[0], StartsWith("0 place launcher=self rank=0/2 local=0/2 " + because + meeting) &&
                            EndsWith(" listens=true parent=true leader=true stdin=0 extra=extra0"));
  CHECK_THAT(events[1], StartsWith("1 place launcher=self rank=1/2 local=1/2 " + because + meeting) &&
                            EndsWith(" listens=false parent=true leader=true stdin=0 extra=extra1"));
  CHECK(helper.wait() == 0);
  CHECK(helper.output() == "buffered once\n");
}

TEST_CASE("self launch: a rank that lost a peer is a note, the first other failure the error and the exit code") {
  HelperProcess helper(launch(3, {"gated=exit=74", "exit=76", "gated=exit=74"}));
  helper.events(2);
  helper.wait_for_output("note: rank 1");
  helper.open_gate();
  helper.open_gate();
  CHECK(helper.wait() == 74);
  const std::string& output = helper.output();
  CHECK_THAT(output, ContainsSubstring("ended with exit code 76, having lost another rank"));
  CHECK_THAT(output, !ContainsSubstring("error: rank 1"));
  const size_t error = output.find("error: rank ");
  REQUIRE(error != std::string::npos);
  CHECK(output.find("error: ", error + 1) == std::string::npos);
  const std::string line = output.substr(error, output.find('\n', error) - error);
  CHECK_THAT(line, ContainsSubstring("ended with exit code 74"));
}

TEST_CASE("self launch: a rank killed by a signal is named, with its code, whatever the others say later") {
  HelperProcess helper(launch(2, {"gated=exit=76", "raise=9"}));
  helper.events(1);
  helper.open_gate();
  CHECK(helper.wait() == 128 + SIGKILL);
  CHECK_THAT(helper.output(), ContainsSubstring("ended with signal 9 (Killed)"));
}

TEST_CASE("self launch: all ranks lost a peer") {
  HelperProcess helper(launch(2, {"exit=76", "gated=exit=76"}));
  helper.events(1);
  helper.wait_for_output("note: rank 0");
  helper.open_gate();
  CHECK(helper.wait() == 76);
  const std::string& output = helper.output();
  const size_t error = output.find("error: rank 0 (process ");
  CHECK(error != std::string::npos);
  CHECK(output.find("note: rank 1 (process ") < error);
}

TEST_CASE("self launch: ranks that live on after a failure are stopped, then killed") {
  HelperProcess stopped(launch(2, {"wait", "gated=exit=65"}, "1"));
  stopped.events(2);
  stopped.open_gate();
  CHECK(stopped.wait() == 65);
  CHECK_THAT(stopped.output(), ContainsSubstring("signal 15 (Terminated) after it was told to"));

  HelperProcess killed(launch(2, {"stubborn", "gated=exit=65"}, "1", "1"));
  killed.events(2);
  killed.open_gate();
  CHECK(killed.wait() == 65);
  CHECK_THAT(killed.output(), ContainsSubstring("signal 9 (Killed) after it was told to"));
}

TEST_CASE("self launch: signals reach every child once, and a stop on request is 75") {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT}) {
    HelperProcess helper(launch(2, {"stop", "stop"}));
    CHECK(helper.events(2) == Lines{"0 ready", "1 ready"});
    helper.kill(signal);
    CHECK(helper.events(2) == Lines{"0 signal " + std::to_string(signal), "1 signal " + std::to_string(signal)});
    CHECK(helper.wait() == static_cast<int>(ExitCode::kStopped));
    CHECK(helper.output() == "buffered once\n");
  }
}

TEST_CASE("self launch: SIGUSR1 asks all children to save, again and again") {
  HelperProcess helper(launch(2, {"stop", "stop"}));
  helper.events(2);
  for (int i = 0; i < 2; ++i) {
    helper.kill(SIGUSR1);
    CHECK(helper.events(2) == Lines{"0 save", "1 save"});
  }
  helper.kill(SIGTERM);
  CHECK(helper.wait() == static_cast<int>(ExitCode::kStopped));
}

TEST_CASE("self launch: a second signal ends children that are slow to stop") {
  HelperProcess helper(launch(2, {"hang", "hang"}));
  helper.events(2);
  helper.kill(SIGTERM);
  helper.kill(SIGINT);
  const int code = helper.wait();  // either may come first
  CHECK((code == 128 + SIGINT || code == 128 + SIGTERM));
}

TEST_CASE("self launch: announcements of the end reach the children, also before the request itself") {
  for (const int signal : {SIGUSR2, SIGXCPU}) {
    HelperProcess helper(launch(2, {"stop", "stop"}));
    helper.events(2);
    helper.kill(signal);
    CHECK(helper.events(2) == Lines{"0 signal " + std::to_string(signal), "1 signal " + std::to_string(signal)});
    CHECK(helper.wait() == static_cast<int>(ExitCode::kStopped));
  }
}

TEST_CASE("self launch: Ctrl-Z stops all processes until the parent is continued") {
  HelperProcess helper(launch(2, {"wait", "stop"}));
  const std::string ready = helper.events(2).front();
  const pid_t child = std::stoi(ready.substr(ready.rfind(' ')));
  for (int i = 0; i < 2; ++i) {
    helper.kill(SIGTSTP);
    helper.wait_until_stopped();
    CHECK(HelperProcess::await_state(child, "T"));
    helper.kill(SIGUSR1);  // as every request but those for the end it waits
    helper.kill(SIGCONT);
    CHECK(HelperProcess::await_state(child, "SR"));
    CHECK(helper.events(1) == Lines{"1 save"});
  }
  helper.kill(SIGTERM);
  CHECK(helper.wait() == 128 + SIGTERM);
}

TEST_CASE("self launch: a stopped job can be ended without being continued first") {
  HelperProcess helper(launch(2, {"stop", "stop"}));
  helper.events(2);
  helper.kill(SIGTSTP);
  helper.wait_until_stopped();
  helper.kill(SIGTERM);
  CHECK(helper.events(2) == Lines{"0 signal 15", "1 signal 15"});
  CHECK(helper.wait() == static_cast<int>(ExitCode::kStopped));
}

TEST_CASE("self launch: children do not outlive a parent that is killed while the job is stopped") {
  HelperProcess helper(launch(2, {"wait", "stop"}));
  helper.events(2);
  helper.kill(SIGTSTP);
  helper.wait_until_stopped();
  helper.kill(SIGKILL);
  CHECK(helper.wait() == 128 + SIGKILL);
  CHECK(helper.events_until_all_are_gone() == "1 signal 15\n");
}

TEST_CASE("self launch: what a child leaves behind does not outlive it") {
  HelperProcess helper(launch(1, {"grandchild"}));
  CHECK(helper.events(1) == Lines{"0 ready"});
  CHECK(helper.wait() == 0);
  CHECK(helper.events_until_all_are_gone().empty());
}

TEST_CASE("self launch: children do not outlive a parent that is killed") {
  HelperProcess helper(launch(2, {"wait", "stop"}));
  helper.events(2);
  helper.kill(SIGKILL);
  CHECK(helper.wait() == 128 + SIGKILL);
  CHECK(helper.events_until_all_are_gone() == "1 signal 15\n");
}

TEST_CASE("a process whose launcher died ends although its main thread hangs") {
  HelperProcess helper(launch(1, {"hang"}));
  const std::string launcher = std::to_string(helper.pid());
  helper.events(1);
  helper.kill(SIGKILL);
  helper.wait();
  CHECK_THAT(helper.output(), ContainsSubstring("error: rank 0: the launcher (process " + launcher + ") has died"));
  CHECK(helper.events_until_all_are_gone().empty());
}

TEST_CASE("self launch refuses impossible options") {
  SelfLaunchOptions options;
  options.num_processes = 0;
  CHECK_THROWS_AS(self_launch(options), UsageError);
  options.num_processes = 2;
  options.variables.resize(1);
  CHECK_THROWS_AS(self_launch(options), UsageError);
}

}  // namespace
}  // namespace canine
