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
#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/core/host_name.hpp"
#include "plain_message.hpp"
#include "store_connection.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;
using StorePointer = c10::intrusive_ptr<c10d::Store>;

constexpr milliseconds kLookAgain{100};  // shared file systems tell nobody about changes
constexpr milliseconds kAnswer{1000};    // after the deadline, for rank 0's answer
constexpr milliseconds kGrace{3000};     // for the others to read why rank 0 gives up

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
  return fmt::format("{} not joined the job of {} processes within {} s (--timeout-init). Joined: {}",
                     numbered(missing), launch.world, static_cast<double>(timeout.count()) / 1000,
                     present.empty() ? "nobody" : fmt::format("{}", fmt::join(present, ", ")));
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
      if (!wait_for_key(*store_, key, rest())) give_up("missing", missing_message(launch_, seen, timeout_), seen);
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

fs::path file_named(const fs::path& pointer, const std::string& name) {
  fs::path file = pointer;
  file += fmt::format(".{}", name);
  return file;
}

/// The file that rank 0 of some job has named last; "" if none has yet.
std::string named_in(const fs::path& pointer) {
  std::error_code ignored;
  if (!fs::is_regular_file(pointer, ignored)) return "";
  std::string name = read_file(pointer, 4096);
  const bool good = name.size() == 16 && name.find_first_not_of("0123456789abcdef") == std::string::npos;
  return good ? name : "";
}

StorePointer open_file(const fs::path& file) { return c10::make_intrusive<c10d::FileStore>(file.string(), -1); }

JoinedStore join_file_as_rank_0(const LaunchContext& launch, milliseconds timeout, Clock::time_point end) {
  const std::string stale = named_in(launch.store_file);
  const std::string name = random_name();
  JoinedStore joined;
  joined.file = file_named(launch.store_file, name);
  joined.store = open_file(joined.file);
  write_file(launch.store_file, name, /*sync=*/false);
  joined.nonce = Joining(joined.store, launch, timeout, end).collect();
  // Now that all are here nobody looks at the old file any more; before, its removal would hold those who did.
  std::error_code ignored;
  if (!stale.empty()) fs::remove(file_named(launch.store_file, stale), ignored);
  return joined;
}

JoinedStore join_file(const LaunchContext& launch, milliseconds timeout, Clock::time_point end) {
  std::string name;
  JoinedStore joined;
  std::unique_ptr<Joining> joining;
  while (Clock::now() < end) {
    const std::string named = named_in(launch.store_file);
    if (named.empty() || (named == name && joining->answered_to_others())) {
      std::this_thread::sleep_for(kLookAgain);
      continue;
    }
    if (named != name) {
      joining.reset();  // together with its store, before the hello in the next one
      name = named;
      joined.file = file_named(launch.store_file, name);
      joined.store = open_file(joined.file);
      joining = std::make_unique<Joining>(joined.store, launch, timeout, end);
    }
    joined.nonce = joining->look(kLookAgain);
    if (!joined.nonce.empty()) return joined;
  }
  if (joining && !joining->answered_to_others()) joining->throw_missing();
  throw PeerError("rank 0 has not joined within {} s (--timeout-init): no file of this job is named in {} ({})",
                  static_cast<double>(timeout.count()) / 1000, launch.store_file.string(),
                  joining ? "what is there was left by another job" : "it does not exist");
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

bool names(const fs::path& pointer, const fs::path& file) {
  const std::string name = named_in(pointer);
  return !name.empty() && file_named(pointer, name) == file;
}

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
