#include <torch/csrc/distributed/c10d/HashStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#undef CHECK

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <chrono>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "canine/core/errors.hpp"
#include "canine/dist/job_monitor.hpp"
#include "dist/stores.hpp"

using namespace canine;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

namespace {

constexpr std::chrono::milliseconds kBeat = 40ms;
constexpr std::chrono::seconds kPatience{30};  // of a test for something that takes well under a second

/// What a monitor wanted to end the process with.
class Ending {
 public:
  void operator()(const std::string& message) {
    const std::lock_guard lock(mutex_);
    message_ = message;
    came_.notify_all();
  }
  std::string wait() {
    std::unique_lock lock(mutex_);
    came_.wait_for(lock, kPatience, [&] { return message_.has_value(); });
    return message_.value_or("(no ending)");
  }
  bool came() {
    const std::lock_guard lock(mutex_);
    return message_.has_value();
  }
  bool came_within(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    return came_.wait_for(lock, time, [&] { return message_.has_value(); });
  }

 private:
  std::mutex mutex_;
  std::condition_variable came_;
  std::optional<std::string> message_;
};

std::shared_ptr<JobStore> hash_store() {
  return std::make_shared<JobStore>(c10::make_intrusive<c10d::HashStore>(), "test");
}

struct Rank {
  Rank(const JobStore& store, int rank, int world, std::chrono::milliseconds grace = 10s,
       std::chrono::milliseconds silence = 20s) {
    JobMonitor::Options options;
    options.rank = rank;
    options.world = world;
    options.host = std::string(1, static_cast<char>('a' + rank));
    options.store_name = "the store at here:1 (rank 0)";
    options.beat = kBeat;
    options.grace = grace;
    options.silence = silence;
    options.end = [this](const std::string& message) { ending(message); };
    options.before_end = [this](const std::string&, bool is_secondary) { secondary = is_secondary; };
    monitor = std::make_unique<JobMonitor>(store, options);
  }
  Ending ending;
  std::optional<bool> secondary;
  std::unique_ptr<JobMonitor> monitor;
};

/// A sign of life that nobody renews: the rank was there and is silent.
void leave_last_sign(JobStore& store, int rank, const std::string& host) {
  // As signs_of_life.cpp packs it: beat, host, state, activity, awaited, since.
  const auto field = [](const std::string& text) { return std::to_string(text.size()) + ":" + text; };
  store.set("alive/" + std::to_string(rank),
            field("1") + field(host) + field("running") + field("step 3") + field("") + field("0"));
}

}  // namespace

TEST_CASE("an overdue wait names the flag and the late rank with its activity", "[job_monitor]") {
  const auto store = hash_store();
  Rank a(*store, 0, 2);
  Rank b(*store, 1, 2);
  b.monitor->enter("step 12: loading data");
  const JobMonitor::Wait wait(*a.monitor, "the gradients of step 12", 300ms, "--timeout-step");
  const std::string message = a.ending.wait();
  CHECK_THAT(message, StartsWith("waited 0."));
  CHECK_THAT(message, ContainsSubstring(" s (--timeout-step) for the gradients of step 12. "
                                        "rank 1 (host b): in 'step 12: loading data' for "));
  CHECK(a.secondary == true);
  CHECK_FALSE(b.ending.came());
}

TEST_CASE("a patient wait lasts as long as the missing rank gets on, and ends when that one does no more",
          "[job_monitor]") {
  const auto store = hash_store();
  Rank a(*store, 0, 2);
  Rank b(*store, 1, 2);
  Rank watching(*store, 0, 2);  // its end shows that a's judge has had three times its deadline
  const JobMonitor::Wait whole(*watching.monitor, "the loss", 6s);
  const JobMonitor::Wait wait(*a.monitor, "the sums", 2s, "--timeout-step", JobMonitor::Counts::kStandstill);
  int batch = 0;
  while (!watching.ending.came_within(10ms)) b.monitor->enter("batch " + std::to_string(++batch));
  CHECK_FALSE(a.ending.came());
  b.monitor->enter("the last batch");
  const std::string message = a.ending.wait();
  CHECK_THAT(message, ContainsSubstring(" s (--timeout-step) for the sums. rank 1 (host b): in 'the last batch' for "));
}

TEST_CASE("an overdue wait names the silent rank and not the one that waits too", "[job_monitor]") {
  const auto store = hash_store();
  Rank a(*store, 0, 3);
  Rank b(*store, 1, 3);
  leave_last_sign(*store, 2, "c");
  const JobMonitor::Wait other(*b.monitor, "the loss", 60s);
  const JobMonitor::Wait wait(*a.monitor, "the loss", 300ms, "--timeout-init");
  const std::string message = a.ending.wait();
  CHECK_THAT(message, ContainsSubstring("(--timeout-init) for the loss. rank 2 (host c): no sign of life for "));
  CHECK_THAT(message, !ContainsSubstring("rank 1"));
}

TEST_CASE("a rank that has fallen silent ends a wait long before its deadline", "[job_monitor]") {
  const auto store = hash_store();
  Rank a(*store, 0, 3, 10s, 500ms);
  Rank b(*store, 1, 3);
  leave_last_sign(*store, 2, "c");
  const JobMonitor::Wait wait(*a.monitor, "the save of step 8", 3600s);
  const std::string message = a.ending.wait();
  CHECK_THAT(message,
             StartsWith("while it waited for the save of step 8: rank 2 (host c) gives no sign of life since "));
  CHECK_THAT(message, !ContainsSubstring("rank 1"));
  CHECK(a.secondary == true);
}

TEST_CASE("silence of others ends nobody who computes", "[job_monitor]") {
  const auto store = hash_store();
  Rank a(*store, 0, 2, 10s, 100ms);
  leave_last_sign(*store, 1, "b");
  Rank watching(*store, 0, 2, 10s, 500ms);  // its end shows that a's judge has had five times its limit
  const JobMonitor::Wait wait(*watching.monitor, "the loss", 3600s);
  CHECK_THAT(watching.ending.wait(), ContainsSubstring("rank 1 (host b)"));
  CHECK_FALSE(a.ending.came());
}

TEST_CASE("a rank that never came is named", "[job_monitor]") {
  const auto store = hash_store();
  Rank a(*store, 0, 2);
  const JobMonitor::Wait wait(*a.monitor, "the first step", 100ms);
  CHECK_THAT(a.ending.wait(), ContainsSubstring("for the first step. rank 1: no sign of life so far"));
}

TEST_CASE("when all ranks wait for the same thing the network is to blame", "[job_monitor]") {
  const auto store = hash_store();
  Rank a(*store, 0, 2);
  Rank b(*store, 1, 2);
  const JobMonitor::Wait other(*b.monitor, "the loss", 60s);
  const JobMonitor::Wait wait(*a.monitor, "the loss", 300ms);
  CHECK_THAT(a.ending.wait(), ContainsSubstring("All ranks have arrived"));
}

TEST_CASE("a wait that ends in time is forgotten", "[job_monitor]") {
  const auto store = hash_store();
  Rank a(*store, 0, 2);
  { const JobMonitor::Wait wait(*a.monitor, "the loss of step 1", 200ms); }
  // A later wait that runs into its deadline shows that the judge has been at work all the time.
  const JobMonitor::Wait wait(*a.monitor, "the loss of step 2", 500ms);
  CHECK_THAT(a.ending.wait(), ContainsSubstring("for the loss of step 2"));
}

TEST_CASE("a reported fault explains a failed collective", "[job_monitor]") {
  const auto store = hash_store();
  Rank a(*store, 0, 2);
  Rank b(*store, 1, 2);
  b.monitor->report_fault("the loss of step 4 is NaN");
  b.monitor->report_fault("a second fault");
  CHECK(a.monitor->explain_failure() == "rank 1 (host b) failed: the loss of step 4 is NaN");
  CHECK(b.monitor->explain_failure() == "");  // its own fault is no explanation
}

TEST_CASE("a report that comes a little later is waited for", "[job_monitor]") {
  const auto store = hash_store();
  Rank a(*store, 0, 2);
  Rank b(*store, 1, 2);
  auto explanation = std::async(std::launch::async, [&] { return a.monitor->explain_failure(); });
  b.monitor->report_fault("no memory");
  CHECK(explanation.get() == "rank 1 (host b) failed: no memory");
}

TEST_CASE("a rank without beats explains a failed collective", "[job_monitor]") {
  const auto store = hash_store();
  Rank a(*store, 0, 2);
  leave_last_sign(*store, 1, "b");
  const std::string text = a.monitor->explain_failure();
  CHECK_THAT(text, StartsWith("rank 1 (host b) gives no sign of life since 0."));
  CHECK_THAT(text, ContainsSubstring("(killed?)"));
}

TEST_CASE("a rank that left without an orderly end is named last of all", "[job_monitor]") {
  const auto store = hash_store();
  Rank a(*store, 0, 3);
  Rank c(*store, 2, 3);
  { Rank b(*store, 1, 3); }
  CHECK(a.monitor->explain_failure() == "rank 1 (host b) has ended");
}

TEST_CASE("nothing is made up where nothing is known", "[job_monitor]") {
  const auto store = hash_store();
  Rank a(*store, 0, 2);
  Rank b(*store, 1, 2);
  CHECK(a.monitor->explain_failure() == "");
}

TEST_CASE("a rank that computes on is ended after another's fault", "[job_monitor]") {
  const auto store = hash_store();
  Rank a(*store, 0, 2, 100ms);
  Rank b(*store, 1, 2);
  a.monitor->enter("validation");
  b.monitor->report_fault("disk full");
  CHECK(a.ending.wait() == "rank 1 (host b) failed: disk full");
  CHECK(a.secondary == true);
}

TEST_CASE("a rank that hangs after its own fault is ended too", "[job_monitor]") {
  const auto store = hash_store();
  Rank a(*store, 0, 2, 100ms);
  a.monitor->report_fault("bad row 7");
  CHECK(a.ending.wait() == "did not end within 0.1 s after its own fault: bad row 7");
  CHECK(a.secondary == false);
}

TEST_CASE("after an orderly end nothing is judged and nobody is missed", "[job_monitor]") {
  const auto store = hash_store();
  Rank a(*store, 0, 2);
  Rank b(*store, 1, 2);
  b.monitor->finish();
  const JobMonitor::Wait never_judged(*b.monitor, "nothing", 1ms);
  b.monitor->enter("still writing a file");
  const JobMonitor::Wait wait(*a.monitor, "the loss", 300ms);
  CHECK_THAT(a.ending.wait(), ContainsSubstring("rank 1 (host b): has ended"));
  CHECK_FALSE(b.ending.came());
}

namespace {

struct ServedStore {
  ServedStore() {
    c10d::TCPStoreOptions options;
    options.port = 0;
    options.isServer = true;
    options.waitWorkers = false;
    server = c10::make_intrusive<c10d::TCPStore>("127.0.0.1", options);
    options.isServer = false;
    options.port = server->getPort();
    client = std::make_shared<JobStore>(c10::make_intrusive<c10d::TCPStore>("127.0.0.1", options), "test");
  }
  c10::intrusive_ptr<c10d::TCPStore> server;
  std::shared_ptr<JobStore> client;
};

}  // namespace

TEST_CASE("a lost store explains a failure at once", "[job_monitor][tcp]") {
  ServedStore store;
  Rank b(*store.client, 1, 2);
  b.monitor->report_fault("shows that the store works");
  store.server.reset();
  CHECK_THAT(b.monitor->explain_failure(), StartsWith("the store at here:1 (rank 0) is gone: "));
}

TEST_CASE("a rank that waits ends soon after the store is lost", "[job_monitor][tcp]") {
  ServedStore store;
  Rank b(*store.client, 1, 2, 60s);
  const JobMonitor::Wait wait(*b.monitor, "the loss", 60s);
  store.server.reset();
  CHECK_THAT(b.ending.wait(), StartsWith("the store at here:1 (rank 0) is gone: "));
}

TEST_CASE("a rank that computes ends some time after the store is lost", "[job_monitor][tcp]") {
  ServedStore store;
  Rank b(*store.client, 1, 2, 200ms);
  store.server.reset();
  CHECK_THAT(b.ending.wait(), StartsWith("the store at here:1 (rank 0) is gone: "));
}

TEST_CASE("the store may go after an orderly end", "[job_monitor][tcp]") {
  ServedStore store;
  Rank b(*store.client, 1, 2, 1ms);
  b.monitor->finish();
  store.server.reset();
  CHECK(b.monitor->explain_failure() != "");  // the loss has been noticed
  b.monitor.reset();
  CHECK_FALSE(b.ending.came());
}

TEST_CASE("a rank that serves the store stays until the others have read its fault", "[job_monitor]") {
  const auto store = hash_store();
  JobMonitor::Options options;
  options.rank = 0;
  options.world = 2;
  options.host = "a";
  options.beat = kBeat;
  options.serves_store = true;
  JobMonitor a(*store, options);
  Rank b(*store, 1, 2);
  a.report_fault("bad row 7");
  CHECK(store->find("fault_reader/1").has_value());
}

TEST_CASE("impossible options are refused", "[job_monitor]") {
  JobMonitor::Options options;
  options.rank = 2;
  options.world = 2;
  CHECK_THROWS_AS(JobMonitor(*hash_store(), options), InternalError);
  options.rank = 1;
  options.beat = 0ms;
  CHECK_THROWS_AS(JobMonitor(*hash_store(), options), UsageError);
}

TEST_CASE("the store is named by its place and by who serves it", "[job_monitor]") {
  LaunchContext launch;
  launch.rank = 0;
  launch.world = 4;
  const auto server = testing::agent_store();
  const JobStore store(server, "job");
  const std::string place = "the store at 127.0.0.1:" + std::to_string(server->getPort());
  for (const Rendezvous rendezvous : {Rendezvous::kTcp, Rendezvous::kMpi, Rendezvous::kFile}) {
    launch.rendezvous = rendezvous;
    CHECK(JobMonitor::Options::of(launch, store).store_name == place + " (rank 0)");
    CHECK(JobMonitor::Options::of(launch, store).serves_store);
  }
  launch.rendezvous = Rendezvous::kAgent;
  CHECK(JobMonitor::Options::of(launch, store).store_name == place + " (the launcher's agent)");
  CHECK_FALSE(JobMonitor::Options::of(launch, store).serves_store);
}
