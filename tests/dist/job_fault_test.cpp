#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <string>

#include "dist/rank_processes.hpp"

using canine::testing::RankProcesses;
using Catch::Matchers::ContainsSubstring;

// Three processes, five steps, deadlines of 1.5 s, beats of 0.1 s (rank_program.cpp).
namespace {

constexpr int kPeerExit = 76;
constexpr int kKilled = 128 + 9;

void check_ended_with(RankProcesses& job, int rank, int status, const std::string& message) {
  CAPTURE(rank, job.said(rank));
  const int ended = job.wait(rank);
  CAPTURE(job.said(rank));
  CHECK(ended == status);
  CHECK_THAT(job.said(rank), ContainsSubstring(message));
}

}  // namespace

TEST_CASE("a job without a fault ends in order", "[job_fault]") {
  RankProcesses job(3, "");
  for (int rank = 0; rank < 3; ++rank) {
    const int ended = job.wait(rank);
    CAPTURE(rank, job.said(rank));
    CHECK(ended == 0);
    CHECK(job.said(rank).find("error") == std::string::npos);
  }
}

TEST_CASE("kill -9 of a rank ends the others, which name it", "[job_fault]") {
  RankProcesses job(3, "kill@1:2:loading");
  check_ended_with(job, 1, kKilled, "injected fault: kill at loading, rank 1, step 2");
  check_ended_with(job, 0, kPeerExit, "rank 1 (host h1) gives no sign of life since ");
  check_ended_with(job, 2, kPeerExit, "rank 1 (host h1) gives no sign of life since ");
}

TEST_CASE("kill -9 of the rank that serves the store ends the others, which say so", "[job_fault]") {
  RankProcesses job(3, "kill@0:2:loading");
  check_ended_with(job, 0, kKilled, "injected fault");
  const std::string gone = "the store at 127.0.0.1:" + std::to_string(job.port()) + " (rank 0) is gone";
  check_ended_with(job, 1, kPeerExit, gone);
  check_ended_with(job, 2, kPeerExit, gone);
}

TEST_CASE("a stopped rank is named within the deadline of the wait", "[job_fault]") {
  RankProcesses job(3, "stop@1:2:loading");
  check_ended_with(job, 0, kPeerExit, "rank 1 (host h1): no sign of life for ");
  check_ended_with(job, 2, kPeerExit, "rank 1 (host h1): no sign of life for ");
  CHECK_THAT(job.error_text(0), ContainsSubstring("rank 1 (host h1): no sign of life for "));
}

TEST_CASE("when the rank that serves the store is stopped the others say who does not answer", "[job_fault]") {
  RankProcesses job(3, "stop@0:2:loading");
  const std::string silent = "the store at 127.0.0.1:" + std::to_string(job.port()) + " (rank 0) does not answer for ";
  check_ended_with(job, 1, kPeerExit, silent);
  check_ended_with(job, 2, kPeerExit, silent);
}

TEST_CASE("a rank that hangs is named with its activity, and ends too", "[job_fault]") {
  RankProcesses job(3, "hang@1:2:loading");
  check_ended_with(job, 0, kPeerExit, "rank 1 (host h1): in 'step 2: loading data' for ");
  check_ended_with(job, 2, kPeerExit, "rank 1 (host h1): in 'step 2: loading data' for ");
  check_ended_with(job, 1, kPeerExit, "rank 1 (host h1): in 'step 2: loading data' for ");
  CHECK_THAT(job.said(1), ContainsSubstring("secondary end"));
}

TEST_CASE("a rank's exception is what the others report", "[job_fault]") {
  RankProcesses job(3, "throw@1:2:loading");
  const std::string message = "injected fault at loading of step 2 on rank 1";
  check_ended_with(job, 1, 70, "[rank 1] error: " + message);
  check_ended_with(job, 0, kPeerExit, "rank 1 (host h1) failed: " + message);
  check_ended_with(job, 2, kPeerExit, "rank 1 (host h1) failed: " + message);
}

TEST_CASE("the exception of the rank that serves the store reaches the others", "[job_fault]") {
  RankProcesses job(3, "throw@0:2:loading");
  const std::string message = "injected fault at loading of step 2 on rank 0";
  check_ended_with(job, 0, 70, "[rank 0] error: " + message);
  check_ended_with(job, 1, kPeerExit, "rank 0 (host h0) failed: " + message);
  check_ended_with(job, 2, kPeerExit, "rank 0 (host h0) failed: " + message);
}

TEST_CASE("a rank that leaves early with status 0 is a failure for the others", "[job_fault]") {
  RankProcesses job(2, "exit@1:2:loading");
  check_ended_with(job, 1, 0, "injected fault: exit");
  check_ended_with(job, 0, kPeerExit, "rank 1 (host h1) gives no sign of life since ");
}

TEST_CASE("a slow rank fails nobody", "[job_fault]") {
  RankProcesses job(2, "slow=300@1:3:loading");
  check_ended_with(job, 1, 0, "injected fault: slow at loading, rank 1, step 4");
  CHECK(job.wait(0) == 0);
}
