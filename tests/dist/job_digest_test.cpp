#include <torch/csrc/distributed/c10d/HashStore.hpp>
#undef CHECK

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/dist/job_digest.hpp"

using namespace canine;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

/// How one rank's comparison ended.
struct Outcome {
  ExitCode code = ExitCode::kDone;
  std::string message;
};

/// Ranks as threads; a digest for each, none for ranks that never come.
std::vector<Outcome> compare(const std::vector<const JobDigest*>& digests, std::chrono::milliseconds timeout = 20s,
                             int times = 1) {
  const auto root = c10::make_intrusive<c10d::HashStore>();
  std::vector<Outcome> outcomes(digests.size());
  std::vector<std::thread> threads;
  for (size_t rank = 0; rank < digests.size(); ++rank) {
    if (digests[rank] == nullptr) continue;
    threads.emplace_back([&, rank] {
      JobStore store(root, "test");
      try {
        for (int i = 0; i < times; ++i) {
          digests[rank]->require_equal_on_all_ranks(store, static_cast<int>(rank), static_cast<int>(digests.size()),
                                                    timeout);
        }
      } catch (const Error& error) {
        outcomes[rank] = {error.exit_code(), error.what()};
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return outcomes;
}

JobDigest digest(const std::string& rate, const std::string& parameters = "encoder 768x768") {
  JobDigest result;
  result.add("--batch-size", "16");
  result.add("--lr", rate);
  result.add("parameters", parameters);
  return result;
}

void check_same_message(const std::vector<Outcome>& outcomes, ExitCode code) {
  for (const Outcome& outcome : outcomes) {
    CHECK(outcome.code == code);
    CHECK(outcome.message == outcomes[0].message);
  }
}

}  // namespace

TEST_CASE("equal digests pass, again and again", "[job_digest]") {
  const JobDigest same = digest("0.001");
  check_same_message(compare({&same, &same, &same}, 20s, 3), ExitCode::kDone);
}

TEST_CASE("a difference is told on all ranks with field, values and ranks", "[job_digest]") {
  const JobDigest one = digest("0.001");
  const JobDigest other = digest("0.01");
  const auto outcomes = compare({&one, &other, &one, &other});
  check_same_message(outcomes, ExitCode::kUsage);
  CHECK_THAT(outcomes[0].message, ContainsSubstring("differ in --lr: '0.001' on ranks 0, 2, '0.01' on ranks 1, 3."));
}

TEST_CASE("a field that only one rank has is a difference", "[job_digest]") {
  const JobDigest one = digest("0.001");
  JobDigest other = one;
  other.add("--resume", "last.bin");
  const auto outcomes = compare({&one, &other});
  check_same_message(outcomes, ExitCode::kUsage);
  CHECK_THAT(outcomes[0].message,
             ContainsSubstring("differ in --resume: '(no such field)' on rank 0, 'last.bin' on rank 1."));
}

TEST_CASE("of long values the part that differs is shown", "[job_digest]") {
  const std::string head(5000, 'x');
  const JobDigest one = digest("0.001", head + " decoder 768x3072 " + head);
  const JobDigest other = digest("0.001", head + " decoder 768x1024 " + head);
  const auto outcomes = compare({&one, &other});
  check_same_message(outcomes, ExitCode::kUsage);
  CHECK_THAT(outcomes[0].message, ContainsSubstring("differ in parameters: ") && ContainsSubstring("768x3072") &&
                                      ContainsSubstring("768x1024"));
  CHECK(outcomes[0].message.size() < 600);
}

TEST_CASE("a single byte far inside a huge value is noticed", "[job_digest]") {
  std::string huge(200'000, 'x');
  const JobDigest one = digest("0.001", huge);
  huge[150'000] = 'y';
  const JobDigest other = digest("0.001", huge);
  const auto outcomes = compare({&one, &other});
  check_same_message(outcomes, ExitCode::kUsage);
  CHECK_THAT(outcomes[0].message, ContainsSubstring("200000 bytes, SHA-256 "));
  CHECK(outcomes[0].message.size() < 800);
}

TEST_CASE("ranks that do not come are named on all others", "[job_digest]") {
  const JobDigest same = digest("0.001");
  const auto outcomes = compare({&same, nullptr, &same, nullptr}, 200ms);
  CHECK(outcomes[0].code == ExitCode::kPeer);
  CHECK_THAT(outcomes[0].message,
             ContainsSubstring("ranks 1, 3 of 4 processes did not come") && ContainsSubstring("--timeout-init"));
  CHECK(outcomes[2].message == outcomes[0].message);
}

TEST_CASE("rank 0 stays until the others have read what it found", "[job_digest]") {
  const auto root = c10::make_intrusive<c10d::HashStore>();
  const JobDigest one = digest("0.001");
  const JobDigest other = digest("0.01");
  std::thread peer([&] {
    JobStore store(root, "test");
    try {
      other.require_equal_on_all_ranks(store, 1, 2, 20s);
    } catch (const UsageError&) {
      // The same sentence as on rank 0, which the other cases check.
    }
  });
  JobStore store(root, "test");
  CHECK_THROWS_AS(one.require_equal_on_all_ranks(store, 0, 2, 20s), UsageError);
  CHECK(store.find("digest/1/read_by_all").has_value());
  peer.join();
}

TEST_CASE("a comparison without a deadline waits as its caller says, and tells for whom", "[job_digest]") {
  const auto root = c10::make_intrusive<c10d::HashStore>();
  const JobDigest one = digest("0.001");
  const JobDigest other = digest("0.01");
  std::thread late;  // comes when it is missed
  JobStore store(root, "test");
  std::vector<std::string> awaited;
  const JobDigest::Wait wait = [&](const std::string& key, const std::string& what) {
    return store.wait_while(key, 10ms, [&] {
      if (awaited.empty()) {
        late = std::thread([&] {
          JobStore own(root, "test");
          const auto follow = [&](const std::string& verdict, const std::string&) {
            return own.wait_while(verdict, 10ms, [] {});
          };
          try {
            other.require_equal_on_all_ranks(own, 1, 2, JobDigest::Wait(follow));
          } catch (const UsageError&) {
            // The same sentence as on rank 0.
          }
        });
      }
      awaited.push_back(what);
    });
  };
  CHECK_THROWS_AS(one.require_equal_on_all_ranks(store, 0, 2, wait), UsageError);
  late.join();
  REQUIRE_FALSE(awaited.empty());
  CHECK(awaited[0] == "rank 1 to come with its arguments and data");
}

TEST_CASE("a comparison without a deadline ends when its caller gives up", "[job_digest]") {
  JobStore store(c10::make_intrusive<c10d::HashStore>(), "test");
  const JobDigest::Wait wait = [&](const std::string& key, const std::string& what) -> std::string {
    return store.wait_while(key, 10ms, [&] { throw PeerError("no sign of life from {}", what); });
  };
  CHECK_THROWS_AS(digest("0.001").require_equal_on_all_ranks(store, 0, 2, wait), PeerError);
}
