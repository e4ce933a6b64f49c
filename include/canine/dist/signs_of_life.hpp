#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace canine {

/// "2.5 s", "41 s".
std::string seconds_text(std::chrono::nanoseconds duration);

/// What one rank last wrote about itself. No clock times: hosts' clocks are never compared.
struct SignOfLife {
  enum class State { kRunning, kDone, kLeft };  ///< kLeft: gone without an orderly end

  int64_t beat = 0;  ///< grows with every sign
  std::string host;
  State state = State::kRunning;
  std::string activity;                ///< "step 12: loading data"
  std::string awaited;                 ///< what its main thread waits for, "" if it does not wait
  std::chrono::milliseconds since{0};  ///< how long it has been in that activity or wait

  std::string encode() const;
  /// nullopt if the text is not a sign.
  static std::optional<SignOfLife> decode(const std::string& text);
};

/// What a rank has told about the end of the job: a fault of its own, or what it found out about others.
struct PeerFault {
  int rank = 0;
  std::string host;
  std::string time;  ///< of that host's wall clock when the fault was first seen; for people only
  std::string message;
  bool own = true;  ///< false: a conclusion about other ranks, on which the reporter ends

  std::string encode() const;
  static std::optional<PeerFault> decode(const std::string& text);
};

/// "rank 1 (host b) failed: its message"; several faults in the order of their arrival, with their times. Without any,
/// the first conclusion: "rank 0 (host a): rank 1 (host b) gives no sign of life ...".
std::string describe_faults(const std::vector<PeerFault>& faults);

/// One rank's view of the others' signs of life: who is silent, late, gone. Knows no store and no thread. A rank is
/// silent when its beat number has not changed between two looks of this reader, by the reader's own clock.
class PeerSigns {
 public:
  using Clock = std::chrono::steady_clock;

  /// Ranks whose beat has stood still for `silent_after` count as silent.
  PeerSigns(int rank, int world, Clock::duration silent_after);

  /// What was read about `rank` at `now`; nullopt if it has written nothing yet.
  void observe(int rank, const std::optional<SignOfLife>& sign, Clock::time_point now);

  /// This reader itself stood still for so long, and the others perhaps with it (a job that was suspended and goes on):
  /// that time counts as nobody's silence.
  void forgive(Clock::duration standstill);

  /// One clause for every other rank that does not wait for `awaited` as this one does: "rank 1 (host b): no sign of
  /// life for 41 s", "rank 2 (host b): in 'step 12: loading data' for 120 s".
  std::vector<std::string> missing(const std::string& awaited, Clock::time_point now) const;

  /// How long it has been, by the latest look, since a wait for `awaited` came closer to its end: the longest time that
  /// a missing rank has done the same (one that waits for yet another counts only if all of them wait), or, where
  /// nobody is missing, the time since the last one came. nullopt if nothing is known of the others.
  std::optional<Clock::duration> standstill(const std::string& awaited) const;

  /// "rank 1 (host b) gives no sign of life since 2.5 s (killed?)" for every silent rank that has not ended in order.
  std::vector<std::string> silent(Clock::time_point now, Clock::duration at_least = {}) const;

  /// "rank 1 (host b) has ended" for every rank that has said so itself.
  std::vector<std::string> gone() const;

  /// Silent, or has said itself that it has ended.
  bool is_lost(int rank) const;

  /// "rank 1 (host b)", or "rank 1" as long as its host is unknown.
  std::string name(int rank) const;

 private:
  struct Peer {
    std::optional<SignOfLife> sign;
    std::optional<Clock::time_point> changed;  // first look at this beat (or at its absence)
    Clock::time_point looked{};                // latest look
  };

  bool is_silent(const Peer& peer) const;
  bool is_unheard(const Peer& peer, Clock::time_point now) const;

  int rank_;
  Clock::duration silent_after_;
  std::vector<Peer> peers_;
};

}  // namespace canine
