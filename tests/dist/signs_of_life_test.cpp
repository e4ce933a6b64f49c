#include "canine/dist/signs_of_life.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <string>
#include <vector>

using namespace canine;
using namespace std::chrono_literals;

namespace {

const PeerSigns::Clock::time_point kStart{};
using Clauses = std::vector<std::string>;

SignOfLife sign(int64_t beat, const std::string& host, const std::string& activity, const std::string& awaited = "") {
  SignOfLife result;
  result.beat = beat;
  result.host = host;
  result.activity = activity;
  result.awaited = awaited;
  result.since = 3s;
  return result;
}

}  // namespace

TEST_CASE("a sign survives its way through the store, whatever bytes it has", "[signs_of_life]") {
  SignOfLife before = sign(7, "host:b", "step 12: loading '3:x'\n", "the gradients");
  before.state = SignOfLife::State::kLeft;
  const auto after = SignOfLife::decode(before.encode());
  REQUIRE(after);
  CHECK(after->beat == 7);
  CHECK(after->host == "host:b");
  CHECK(after->activity == before.activity);
  CHECK(after->awaited == "the gradients");
  CHECK(after->since == 3s);
  CHECK(after->state == SignOfLife::State::kLeft);
}

TEST_CASE("text that is no sign is refused", "[signs_of_life]") {
  for (const char* text : {"", "x", "5:ab", "-1:a", "1:a", "99999999999999999999:a", "1:a1:a1:a1:a1:a1:a1:a"}) {
    CAPTURE(text);
    CHECK_FALSE(SignOfLife::decode(text));
    CHECK_FALSE(PeerFault::decode(text));
  }
}

TEST_CASE("a rank whose beat stands still is silent, by the reader's looks", "[signs_of_life]") {
  PeerSigns signs(0, 2, 3s);
  signs.observe(1, sign(5, "b", "step 1"), kStart);
  CHECK(signs.silent(kStart + 60s).empty());  // no look in between: nothing is known
  signs.observe(1, sign(5, "b", "step 1"), kStart + 41s);
  CHECK(signs.silent(kStart + 41s) == Clauses{"rank 1 (host b) gives no sign of life since 41 s (killed?)"});
  CHECK(signs.missing("the loss", kStart + 41s) == Clauses{"rank 1 (host b): no sign of life for 41 s"});
  CHECK(signs.silent(kStart + 41s, 41s).size() == 1);
  CHECK(signs.silent(kStart + 41s, 42s).empty());
  signs.observe(1, sign(6, "b", "step 1"), kStart + 42s);
  CHECK(signs.silent(kStart + 42s).empty());
}

TEST_CASE("time in which the reader itself stood still is nobody's silence", "[signs_of_life]") {
  PeerSigns signs(0, 2, 3s);
  signs.observe(1, sign(5, "b", "step 1"), kStart);
  signs.observe(1, sign(5, "b", "step 1"), kStart + 61s);
  signs.forgive(60s);
  CHECK(signs.silent(kStart + 61s).empty());
  signs.observe(1, sign(5, "b", "step 1"), kStart + 64s);  // it does not go on
  CHECK(signs.silent(kStart + 64s) == Clauses{"rank 1 (host b) gives no sign of life since 4.0 s (killed?)"});
}

TEST_CASE("a late rank is shown with what it does and for how long", "[signs_of_life]") {
  PeerSigns signs(0, 3, 10s);
  signs.observe(1, sign(5, "b", "step 12: loading data"), kStart);
  signs.observe(2, sign(5, "c", "step 11", "the loss of step 11"), kStart);
  CHECK(signs.missing("the gradients of step 12", kStart + 2s) ==
        Clauses{"rank 1 (host b): in 'step 12: loading data' for 5.0 s",
                "rank 2 (host c): waits for the loss of step 11 for 5.0 s"});
}

TEST_CASE("what a rank said before it fell silent is not told as what it does", "[signs_of_life]") {
  PeerSigns signs(0, 2, 3s);
  signs.observe(1, sign(5, "b", "the preparation"), kStart);
  signs.observe(1, sign(5, "b", "the preparation"), kStart + 2s);
  CHECK(signs.missing("the loss", kStart + 2s) == Clauses{"rank 1 (host b): in 'the preparation' for 5.0 s"});
  CHECK(signs.missing("the loss", kStart + 4s) == Clauses{"rank 1 (host b): no sign of life for 4.0 s"});
}

TEST_CASE("ranks that wait for the same thing are not missing", "[signs_of_life]") {
  PeerSigns signs(2, 3, 10s);
  for (int rank = 0; rank < 3; ++rank) signs.observe(rank, sign(5, "b", "step 12", "the gradients"), kStart);
  CHECK(signs.missing("the gradients", kStart).empty());
}

TEST_CASE("a wait stands still for as long as a missing rank does the same", "[signs_of_life]") {
  const auto since = [](SignOfLife what, std::chrono::milliseconds time) {
    what.since = time;
    return what;
  };
  PeerSigns signs(0, 4, 10s);
  CHECK_FALSE(signs.standstill("the sums"));
  signs.observe(1, since(sign(5, "b", "batch 3 of 9"), 1s), kStart);
  signs.observe(2, since(sign(5, "b", "batch 2 of 9"), 4s), kStart);
  signs.observe(3, since(sign(5, "c", "batch 9 of 9", "the sums"), 60s), kStart);
  CHECK(signs.standstill("the sums") == 4s);
  signs.observe(2, since(sign(5, "b", "batch 2 of 9"), 4s), kStart + 2s);  // no new beat: it may still be there
  CHECK(signs.standstill("the sums") == 6s);
  signs.observe(2, since(sign(6, "b", "batch 4 of 9"), 0s), kStart + 3s);
  CHECK(signs.standstill("the sums") == 1s);
  // A rank that waits for something else stands as the one that it waits for, unless all do.
  signs.observe(2, since(sign(7, "b", "batch 4 of 9", "the loss"), 90s), kStart + 3s);
  CHECK(signs.standstill("the sums") == 1s);
  signs.observe(1, since(sign(7, "b", "batch 4 of 9", "the loss"), 80s), kStart + 3s);
  CHECK(signs.standstill("the sums") == 90s);
  // All have come: since the last one came.
  signs.observe(1, since(sign(8, "b", "batch 9 of 9", "the sums"), 30s), kStart + 3s);
  signs.observe(2, since(sign(8, "b", "batch 9 of 9", "the sums"), 2s), kStart + 3s);
  CHECK(signs.standstill("the sums") == 2s);
}

TEST_CASE("a rank that never wrote anything is named without a host", "[signs_of_life]") {
  PeerSigns signs(0, 2, 3s);
  signs.observe(1, std::nullopt, kStart);
  CHECK(signs.missing("the start", kStart + 1s) == Clauses{"rank 1: no sign of life so far"});
}

TEST_CASE("an orderly end is not taken for a death", "[signs_of_life]") {
  PeerSigns signs(0, 2, 3s);
  SignOfLife done = sign(9, "b", "done");
  done.state = SignOfLife::State::kDone;
  signs.observe(1, done, kStart);
  signs.observe(1, done, kStart + 60s);
  CHECK(signs.silent(kStart + 60s).empty());
  CHECK(signs.gone() == Clauses{"rank 1 (host b) has ended"});
  CHECK(signs.missing("the loss", kStart + 60s) == Clauses{"rank 1 (host b): has ended"});
}

TEST_CASE("faults are told in the order of their arrival", "[signs_of_life]") {
  const PeerFault first{1, "b", "06:00:01 UTC", "the loss is NaN"};
  const PeerFault second{2, "c", "06:00:02 UTC", "no memory"};
  CHECK(describe_faults({first}) == "rank 1 (host b) failed: the loss is NaN");
  CHECK(describe_faults({first, second}) ==
        "rank 1 (host b) failed at 06:00:01 UTC: the loss is NaN; rank 2 (host c) failed at 06:00:02 UTC: no memory");
  const auto read = PeerFault::decode(first.encode());
  REQUIRE(read);
  CHECK(describe_faults({*read}) == describe_faults({first}));
}

TEST_CASE("a conclusion counts only where nobody reports a fault of its own", "[signs_of_life]") {
  const PeerFault conclusion{0, "a", "06:00:01 UTC", "rank 1 (host b) gives no sign of life", false};
  const PeerFault fault{1, "b", "06:00:02 UTC", "no memory"};
  CHECK(describe_faults({conclusion}) == "rank 0 (host a): rank 1 (host b) gives no sign of life");
  CHECK(describe_faults({conclusion, fault}) == "rank 1 (host b) failed: no memory");
  CHECK_FALSE(PeerFault::decode(conclusion.encode())->own);
}
