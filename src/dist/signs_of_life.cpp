#include "canine/dist/signs_of_life.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "fields.hpp"

namespace canine {
namespace {

using State = SignOfLife::State;
using Clock = PeerSigns::Clock;

constexpr size_t kMaxText = 2000;  // of an activity or a message: what a rank writes costs all others a read

std::string shortened(const std::string& text) {
  return text.size() <= kMaxText ? text : text.substr(0, kMaxText) + "...";
}

const char* code_of(State state) {
  switch (state) {
    case State::kDone:
      return "done";
    case State::kLeft:
      return "left";
    case State::kRunning:
      break;
  }
  return "running";
}

State state_of(const std::string& code) {
  if (code == "done") return State::kDone;
  return code == "left" ? State::kLeft : State::kRunning;
}

}  // namespace

std::string seconds_text(std::chrono::nanoseconds duration) {
  const double seconds = std::chrono::duration<double>(duration).count();
  return seconds < 9.95 ? fmt::format("{:.1f} s", seconds) : fmt::format("{:.0f} s", seconds);
}

std::string SignOfLife::encode() const {
  return pack_fields({std::to_string(beat), host, code_of(state), shortened(activity), shortened(awaited),
                      std::to_string(since.count())});
}

std::optional<SignOfLife> SignOfLife::decode(const std::string& text) {
  const auto fields = unpack_fields(text);
  if (!fields || fields->size() != 6) return std::nullopt;
  SignOfLife sign;
  sign.beat = number_or((*fields)[0], 0);
  sign.host = (*fields)[1];
  sign.state = state_of((*fields)[2]);
  sign.activity = (*fields)[3];
  sign.awaited = (*fields)[4];
  sign.since = std::chrono::milliseconds(number_or((*fields)[5], 0));
  return sign;
}

std::string PeerFault::encode() const {
  return pack_fields({std::to_string(rank), host, time, shortened(message), own ? "own" : "conclusion"});
}

std::optional<PeerFault> PeerFault::decode(const std::string& text) {
  const auto fields = unpack_fields(text);
  if (!fields || fields->size() != 5) return std::nullopt;
  PeerFault fault;
  fault.rank = static_cast<int>(number_or((*fields)[0], -1));
  fault.host = (*fields)[1];
  fault.time = (*fields)[2];
  fault.message = (*fields)[3];
  fault.own = (*fields)[4] == "own";
  return fault;
}

std::string describe_faults(const std::vector<PeerFault>& faults) {
  const auto num_own = std::count_if(faults.begin(), faults.end(), [](const PeerFault& fault) { return fault.own; });
  if (num_own == 0 && !faults.empty()) {
    return fmt::format("rank {} (host {}): {}", faults[0].rank, faults[0].host, faults[0].message);
  }
  std::string text;
  for (const PeerFault& fault : faults) {
    if (!fault.own) continue;
    if (!text.empty()) text += "; ";
    const std::string at = num_own > 1 ? fmt::format(" at {}", fault.time) : "";
    text += fmt::format("rank {} (host {}) failed{}: {}", fault.rank, fault.host, at, fault.message);
  }
  return text;
}

PeerSigns::PeerSigns(int rank, int world, Clock::duration silent_after)
    : rank_(rank), silent_after_(silent_after), peers_(static_cast<size_t>(world)) {}

void PeerSigns::observe(int rank, const std::optional<SignOfLife>& sign, Clock::time_point now) {
  Peer& peer = peers_.at(static_cast<size_t>(rank));
  const bool news = sign && (!peer.sign || peer.sign->beat != sign->beat);
  if (news || !peer.changed) peer.changed = now;
  if (sign) peer.sign = sign;
  peer.looked = now;
}

void PeerSigns::forgive(Clock::duration standstill) {
  for (Peer& peer : peers_) {
    if (peer.changed) *peer.changed += standstill;
  }
}

// From look to look: what happened since the latest look is unknown.
bool PeerSigns::is_silent(const Peer& peer) const {
  if (!peer.changed) return false;
  if (peer.sign && peer.sign->state != State::kRunning) return false;
  return peer.looked - *peer.changed >= silent_after_;
}

// Not proven silent yet, but what it last said is too old to be told as what it does.
bool PeerSigns::is_unheard(const Peer& peer, Clock::time_point now) const {
  return now - *peer.changed >= silent_after_ && peer.looked > *peer.changed;
}

std::vector<std::string> PeerSigns::missing(const std::string& awaited, Clock::time_point now) const {
  std::vector<std::string> clauses;
  for (int rank = 0; rank < static_cast<int>(peers_.size()); ++rank) {
    const Peer& peer = peers_[static_cast<size_t>(rank)];
    if (rank == rank_ || !peer.changed) continue;
    const Clock::duration age = now - *peer.changed;
    if (!peer.sign) {
      clauses.push_back(fmt::format("{}: no sign of life so far", name(rank)));
    } else if (peer.sign->state != State::kRunning) {
      clauses.push_back(fmt::format("{}: has ended", name(rank)));
    } else if (is_silent(peer) || (is_unheard(peer, now) && peer.sign->awaited != awaited)) {
      clauses.push_back(fmt::format("{}: no sign of life for {}", name(rank), seconds_text(age)));
    } else if (peer.sign->awaited.empty()) {
      clauses.push_back(
          fmt::format("{}: in '{}' for {}", name(rank), peer.sign->activity, seconds_text(peer.sign->since + age)));
    } else if (peer.sign->awaited != awaited) {
      clauses.push_back(
          fmt::format("{}: waits for {} for {}", name(rank), peer.sign->awaited, seconds_text(peer.sign->since + age)));
    }
  }
  return clauses;
}

std::optional<Clock::duration> PeerSigns::standstill(const std::string& awaited) const {
  std::optional<Clock::duration> working;  // the longest time of a rank that works, or waits for something else
  std::optional<Clock::duration> waiting;
  std::optional<Clock::duration> last_came;
  const auto take = [](std::optional<Clock::duration>& kept, Clock::duration value, bool largest) {
    if (!kept || (largest ? value > *kept : value < *kept)) kept = value;
  };
  for (int rank = 0; rank < static_cast<int>(peers_.size()); ++rank) {
    const Peer& peer = peers_[static_cast<size_t>(rank)];
    if (rank == rank_ || !peer.changed) continue;
    const Clock::duration age = peer.looked - *peer.changed;
    if (!peer.sign) {
      take(working, age, true);
      continue;
    }
    const Clock::duration since = peer.sign->since + age;
    if (peer.sign->awaited == awaited) {
      take(last_came, since, false);
    } else {
      take(peer.sign->awaited.empty() ? working : waiting, since, true);
    }
  }
  return working ? working : waiting ? waiting : last_came;
}

std::vector<std::string> PeerSigns::silent(Clock::time_point now, Clock::duration at_least) const {
  std::vector<std::string> clauses;
  for (int rank = 0; rank < static_cast<int>(peers_.size()); ++rank) {
    const Peer& peer = peers_[static_cast<size_t>(rank)];
    if (rank == rank_ || !is_silent(peer) || peer.looked - *peer.changed < at_least) continue;
    clauses.push_back(
        fmt::format("{} gives no sign of life since {} (killed?)", name(rank), seconds_text(now - *peer.changed)));
  }
  return clauses;
}

std::vector<std::string> PeerSigns::gone() const {
  std::vector<std::string> clauses;
  for (int rank = 0; rank < static_cast<int>(peers_.size()); ++rank) {
    const Peer& peer = peers_[static_cast<size_t>(rank)];
    if (rank != rank_ && peer.sign && peer.sign->state != State::kRunning) {
      clauses.push_back(fmt::format("{} has ended", name(rank)));
    }
  }
  return clauses;
}

bool PeerSigns::is_lost(int rank) const {
  const Peer& peer = peers_.at(static_cast<size_t>(rank));
  return is_silent(peer) || (peer.sign && peer.sign->state != State::kRunning);
}

std::string PeerSigns::name(int rank) const {
  const Peer& peer = peers_.at(static_cast<size_t>(rank));
  return peer.sign ? fmt::format("rank {} (host {})", rank, peer.sign->host) : fmt::format("rank {}", rank);
}

}  // namespace canine
