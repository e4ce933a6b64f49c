#include "joining.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <thread>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/core/host_name.hpp"
#include "canine/core/log.hpp"
#include "local_network.hpp"
#include "meeting_file.hpp"
#include "plain_message.hpp"
#include "store_connection.hpp"

namespace canine {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;
using StorePointer = c10::intrusive_ptr<c10d::Store>;

constexpr milliseconds kLookAgain{100};     // shared file systems tell nobody about changes
constexpr milliseconds kAnswer{1000};       // after the deadline, for rank 0's answer
constexpr milliseconds kGrace{3000};        // for the others to read why rank 0 gives up
constexpr milliseconds kAddress{2000};      // for an address of rank 0 to accept a connection
constexpr milliseconds kQuietWait{10'000};  // for another rank, before a line says so
constexpr milliseconds kHandshake{10'000};  // for what has accepted to answer as a store
constexpr const char* kLoopback = "127.0.0.1";

struct Hello {
  int rank = -1;
  int world = 0;
  std::string token;
  std::string where;  ///< "host, process 123"
};

std::string hello_text(const LaunchContext& launch, const std::string& token) {
  return fmt::format("{} {} {} {}, process {}", launch.rank, launch.world, token, host_name(), ::getpid());
}

std::optional<Hello> parse_hello(const std::string& text) {
  Hello hello;
  std::istringstream in(text);
  if (!(in >> hello.rank >> hello.world >> hello.token)) return std::nullopt;
  std::getline(in >> std::ws, hello.where);
  return hello;
}

std::string numbered(const std::vector<int>& ranks) {
  return ranks.size() == 1 ? fmt::format("rank {} has", ranks[0])
                           : fmt::format("ranks {} have", fmt::join(ranks, ", "));
}

std::string missing_message(const LaunchContext& launch, const std::map<int, Hello>& seen, milliseconds timeout) {
  std::vector<int> missing;
  std::vector<std::string> present;
  for (int rank = 0; rank < launch.world; ++rank) {
    const auto found = seen.find(rank);
    if (found == seen.end()) {
      missing.push_back(rank);
    } else {
      present.push_back(fmt::format("rank {} ({})", rank, found->second.where));
    }
  }
  return fmt::format("{} not joined the job of {} processes within {} s (--timeout-init). Joined: {}{}",
                     numbered(missing), launch.world, static_cast<double>(timeout.count()) / 1000,
                     present.empty() ? "nobody" : fmt::format("{}", fmt::join(present, ", ")),
                     seen.size() <= 1 ? alone_hint(launch) : "");
}

/// Both sides of the joining of one store.
class Joining {
 public:
  Joining(const StorePointer& raw, const LaunchContext& launch, milliseconds timeout, Clock::time_point end)
      : store_(c10::make_intrusive<c10d::PrefixStore>(fmt::format("canine/{}", launch.restart), raw)),
        launch_(launch),
        timeout_(timeout),
        end_(end) {
    store_->set(fmt::format("hello/{}", store_->add("hellos", 1)), hello_text(launch, token_));
  }

  /// Rank 0: waits for the hellos, answers and returns the nonce.
  std::string collect() {
    std::map<int, Hello> seen;
    for (int64_t next = 1; static_cast<int>(seen.size()) < launch_.world; ++next) {
      const std::string key = fmt::format("hello/{}", next);
      if (!await_hello(key, static_cast<int>(seen.size())))
        give_up("missing", missing_message(launch_, seen, timeout_), seen);
      const std::optional<Hello> hello = parse_hello(store_->get_to_str(key));
      if (hello) admit(*hello, seen);
    }
    const std::string nonce = random_name();
    std::string answer = fmt::format("ok {}", nonce);
    for (const auto& [rank, hello] : seen) answer.append("\n").append(hello.token);
    store_->set("joined", answer);
    return nonce;
  }

  /// Other ranks: waits up to `patience` for rank 0's answer. The nonce; "" if there is none yet, or if it is not meant
  /// for this process.
  std::string look(milliseconds patience) {
    if (!wait_for_key(*store_, "joined", std::min(patience, rest() + kAnswer))) return "";
    std::istringstream answer(store_->get_to_str("joined"));
    std::string verdict, text, token;
    answer >> verdict >> std::ws;
    std::getline(answer, text);
    if (verdict != "ok") {
      if (!refers_to_us(answer)) {
        others_failure_ = text;
        answered_to_others_ = true;
        return "";
      }
      store_->set(fmt::format("seen/{}", token_), "");
      if (verdict == "usage") throw UsageError("{}", text);
      throw PeerError("{}", text);
    }
    for (int rank = 0; rank <= launch_.rank; ++rank) std::getline(answer, token);
    answered_to_others_ = token != token_;
    return answered_to_others_ ? "" : text;
  }

  /// Rank 0 has answered, but without a word for this process.
  bool answered_to_others() const { return answered_to_others_; }
  /// Why that job failed to join, "" if it joined.
  const std::string& others_failure() const { return others_failure_; }
  bool over() const { return Clock::now() >= end_; }

  [[noreturn]] void throw_missing() {
    store_->set(fmt::format("seen/{}", token_), "");
    std::map<int, Hello> seen;
    const int64_t count = store_->add("hellos", 0);
    for (int64_t n = 1; n <= count; ++n) {
      const std::string key = fmt::format("hello/{}", n);
      const auto hello = store_->check({key}) ? parse_hello(store_->get_to_str(key)) : std::nullopt;
      if (hello) seen.emplace(hello->rank, *hello);
    }
    if (static_cast<int>(seen.size()) < launch_.world) throw PeerError("{}", missing_message(launch_, seen, timeout_));
    throw PeerError("rank 0 ({}) has not answered within {} s (--timeout-init)", seen[0].where,
                    static_cast<double>(timeout_.count()) / 1000);
  }

 private:
  milliseconds rest() const {
    return std::max(milliseconds(1), std::chrono::duration_cast<milliseconds>(end_ - Clock::now()));
  }

  /// Who waits for long says for what, since the deadline may be far.
  bool await_hello(const std::string& key, int num_seen) const {
    if (wait_for_key(*store_, key, std::min(rest(), kQuietWait))) return true;
    if (!over()) {
      print_stderr_line(fmt::format("waiting for {} of {} processes to join (for {} s at most, --timeout-init){}",
                                    launch_.world - num_seen, launch_.world, timeout_.count() / 1000,
                                    num_seen <= 1 ? alone_hint(launch_) : ""));
    }
    return wait_for_key(*store_, key, rest());
  }

  bool refers_to_us(std::istringstream& answer) const {
    for (std::string token; std::getline(answer, token);) {
      if (token == token_) return true;
    }
    return false;
  }

  void admit(const Hello& hello, std::map<int, Hello>& seen) {
    const auto [former, fresh] = seen.emplace(hello.rank, hello);
    std::string fault;
    if (!fresh) {
      fault = fmt::format("two processes say that they are rank {}: {} and {}. Each needs a RANK of its own",
                          hello.rank, former->second.where, hello.where);
    } else if (hello.world != launch_.world || hello.rank < 0 || hello.rank >= hello.world) {
      fault =
          fmt::format("rank {} ({}) was started for a job of {} processes, rank 0 for one of {}: WORLD_SIZE differs",
                      hello.rank, hello.where, hello.world, launch_.world);
    }
    if (fault.empty()) return;
    if (!fresh) seen.emplace(-1, hello);  // is told, too
    give_up("usage", fault, seen);
  }

  /// Tells all who have said hello, gives them time to read it, throws.
  [[noreturn]] void give_up(const std::string& verdict, const std::string& message, const std::map<int, Hello>& seen) {
    std::string answer = fmt::format("{} {}", verdict, message);
    for (const auto& [rank, hello] : seen) answer.append("\n").append(hello.token);
    store_->set("joined", answer);
    const auto last = Clock::now() + kGrace;
    for (const auto& [rank, hello] : seen) {
      if (hello.token == token_) continue;
      wait_for_key(*store_, fmt::format("seen/{}", hello.token),
                   std::chrono::duration_cast<milliseconds>(last - Clock::now()));
    }
    if (verdict == "usage") throw UsageError("{}", message);
    throw PeerError("{}", message);
  }

  std::string token_ = random_name();
  StorePointer store_;
  const LaunchContext& launch_;
  milliseconds timeout_;
  Clock::time_point end_;
  bool answered_to_others_ = false;
  std::string others_failure_;
};

/// Rank 0's store at `address`, for a launch that meets through a file.
LaunchContext store_at(const LaunchContext& launch, const std::string& address, int port) {
  LaunchContext there = launch;
  there.rendezvous = Rendezvous::kTcp;
  there.master_addr = address;
  there.master_port = port;
  return there;
}

JoinedStore join_file_as_rank_0(const LaunchContext& launch, milliseconds timeout, Clock::time_point end) {
  const bool one_host = launch.local_world_is_known && launch.local_world == launch.world;
  const Listener listener = one_host ? listen_on(kLoopback) : listen_everywhere();
  LaunchContext own = store_at(launch, kLoopback, listener.port);
  own.listen_fd = listener.fd;
  JoinedStore joined;
  joined.store = open_tcp_store(own, timeout);
  MeetingPlace place{random_name(), host_identity(), listener.port, {}};
  if (!one_host) place.addresses = local_addresses();
  const PlaceInFile published(launch.store_file, place);  // until all have joined
  joined.nonce = Joining(joined.store, launch, timeout, end).collect();
  return joined;
}

/// The store at a place; null if nothing there answers as one.
StorePointer reach(const MeetingPlace& place, const LaunchContext& launch, milliseconds timeout) {
  for (const std::string& address : addresses_of(place)) {
    if (!try_listener(address, place.port, kAddress).empty()) continue;
    try {
      StorePointer store = open_tcp_store(store_at(launch, address, place.port), std::min(timeout, kHandshake));
      store->setTimeout(timeout);
      return store;
    } catch (const PeerError&) {
      continue;
    }
  }
  return nullptr;
}

/// Runs `body`; false if the store has gone meanwhile.
template <typename Body>
bool while_store_lasts(const Body& body) {
  try {
    body();
    return true;
  } catch (const StoreLost&) {
    return false;
  } catch (const Error&) {
    throw;
  } catch (const std::exception&) {
    return false;
  }
}

/// Follows what the file says until a living rank 0 answers.
JoinedStore join_file(const LaunchContext& launch, milliseconds timeout, Clock::time_point end) {
  std::string name;  // of the place where this rank is, or has been in vain
  JoinedStore joined;
  std::unique_ptr<Joining> joining;
  while (Clock::now() < end) {
    const std::optional<MeetingPlace> place = read_place(launch.store_file);
    const bool there = while_store_lasts([&] {
      if (place && (!joining || place->name != name)) {
        joining.reset();
        name = place->name;
        joined.store = reach(*place, launch, timeout);
        if (joined.store) joining = std::make_unique<Joining>(joined.store, launch, timeout, end);
      }
      if (joining && !joining->answered_to_others()) joined.nonce = joining->look(kLookAgain);
    });
    if (!joined.nonce.empty()) return joined;
    if (!there) joining.reset();
    // Rank 0 takes its word out of the file when all have said hello, so nobody will come in its place.
    if (!there && !place)
      throw PeerError("rank 0, which served the job's store, has ended while the ranks were joining");
    if (!joining || joining->answered_to_others()) std::this_thread::sleep_for(kLookAgain);
  }
  if (joining && !joining->answered_to_others()) joining->throw_missing();
  throw PeerError("rank 0 has not joined within {} s (--timeout-init): {} {}",
                  static_cast<double>(timeout.count()) / 1000, launch.store_file.string(),
                  name.empty() ? "does not say where it is (there is no such file, or it holds something else)"
                               : "names a place where it does not answer: left by another job, or not to be reached");
}

JoinedStore join_tcp(const LaunchContext& launch, milliseconds timeout, Clock::time_point end) {
  JoinedStore joined;
  joined.store = open_tcp_store(launch, timeout);
  Joining joining(joined.store, launch, timeout, end);
  if (launch.rank == 0) {
    joined.nonce = joining.collect();
    return joined;
  }
  joined.nonce = joining.look(timeout + kAnswer);
  if (!joined.nonce.empty()) return joined;
  if (!joining.answered_to_others()) joining.throw_missing();
  if (!joining.others_failure().empty()) throw PeerError("rank 0 has given up: {}", joining.others_failure());
  throw PeerError(
      "{} belongs to another job, whose ranks have all joined before: an earlier job still runs there. End it, or "
      "choose "
      "another port",
      describe_master(launch));
}

}  // namespace

JoinedStore join_job(const LaunchContext& launch, milliseconds timeout) {
  const auto end = Clock::now() + timeout;
  try {
    if (launch.rendezvous != Rendezvous::kFile) return join_tcp(launch, timeout, end);
    return launch.rank == 0 ? join_file_as_rank_0(launch, timeout, end) : join_file(launch, timeout, end);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw PeerError(
        "rank {} of {} lost the job's store while the ranks were joining: rank 0, which serves it, has "
        "ended ({})",
        launch.rank, launch.world, plain_message(error));
  }
}

}  // namespace canine
