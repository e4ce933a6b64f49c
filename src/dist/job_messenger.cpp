// The half of JobMonitor that talks to the store.
#include <algorithm>
#include <exception>

#include "fields.hpp"
#include "job_monitor_state.hpp"

namespace canine {
namespace {

constexpr char kFaultCount[] = "faults";

std::string fault_key(int64_t number) { return "fault/" + std::to_string(number); }
std::string reader_key(int rank) { return "fault_reader/" + std::to_string(rank); }
std::string sign_key(int rank) { return "alive/" + std::to_string(rank); }

std::vector<PeerFault> read_faults(JobStore& store, int own_rank) {
  std::vector<PeerFault> faults;
  const int64_t count = number_or(store.find(kFaultCount).value_or("0"), 0);
  for (int64_t number = 1; number <= std::min<int64_t>(count, 16); ++number) {
    const std::optional<std::string> text = store.find(fault_key(number));
    const std::optional<PeerFault> fault = text ? PeerFault::decode(*text) : std::nullopt;
    if (fault && fault->rank != own_rank) faults.push_back(*fault);
  }
  return faults;
}

}  // namespace

/// One visit to the store: what to write and ask, and what came of it. Lives outside the lock.
struct JobMonitor::State::Errand {
  SignOfLife sign;
  std::optional<PeerFault> report;
  bool read_signs = false;
  bool ask_fault_readers = false;
  bool faults_known = false;

  std::vector<PeerFault> faults;
  std::vector<std::optional<SignOfLife>> signs;
  std::vector<bool> fault_readers;  // by rank
  bool failed = false;
};

bool JobMonitor::State::wants_signs(Clock::time_point now) const {
  if (explaining_since || hurried()) return true;
  for (const WaitMark& wait : waits) {
    const Clock::duration waited = now - wait.since;
    if (waited >= options.beat || waited * 2 >= wait.deadline) return true;
  }
  return false;
}

/// Someone waits for the messenger, so it comes four times as often.
bool JobMonitor::State::hurried() const {
  return explaining_since || (leaving && options.serves_store && !read_by_all);
}

bool JobMonitor::State::has_news() const {
  return (report && !report_written) || ((finished || closing) && !last_sign_written);
}

JobMonitor::State::Errand JobMonitor::State::next_errand(Clock::time_point now) {
  Errand errand;
  errand.sign.beat = ++beat;
  errand.sign.host = options.host;
  errand.sign.activity = activity;
  errand.sign.since = std::chrono::duration_cast<std::chrono::milliseconds>(now - activity_since);
  if (!waits.empty()) {
    errand.sign.awaited = waits.back().what;
    errand.sign.since = std::chrono::duration_cast<std::chrono::milliseconds>(now - waits.back().since);
  }
  if (finished) {
    errand.sign.state = SignOfLife::State::kDone;
  } else if (closing) {
    errand.sign.state = SignOfLife::State::kLeft;
  }
  if (!report_written) errand.report = report;
  errand.ask_fault_readers = leaving && options.serves_store && !read_by_all;
  errand.read_signs = wants_signs(now);
  errand.faults_known = !faults.empty();
  return errand;
}

void JobMonitor::State::run_errand(Errand& errand) {
  try {
    if (errand.report) {
      const int64_t number = store->add(kFaultCount, 1);
      store->set(fault_key(number), errand.report->encode());
    }
    store->set(sign_key(options.rank), errand.sign.encode());
    errand.faults = read_faults(*store, options.rank);
    if (!errand.faults.empty() && !errand.faults_known) store->set(reader_key(options.rank), "");
    for (int rank = 0; errand.ask_fault_readers && rank < options.world; ++rank) {
      errand.fault_readers.push_back(store->find(reader_key(rank)).has_value());
    }
    if (!errand.read_signs) return;
    for (int rank = 0; rank < options.world; ++rank) {
      const std::optional<std::string> text = store->find(sign_key(rank));
      errand.signs.push_back(text ? SignOfLife::decode(*text) : std::nullopt);
    }
  } catch (const std::exception&) {
    errand.failed = true;
  }
}

/// Whether every other rank that is still there has read a report, or has written one itself.
bool JobMonitor::State::all_know(const std::vector<bool>& readers) const {
  for (int rank = 0; rank < options.world; ++rank) {
    const bool reporter =
        std::any_of(faults.begin(), faults.end(), [&](const PeerFault& fault) { return fault.rank == rank; });
    if (rank != options.rank && !readers[static_cast<size_t>(rank)] && !reporter && !signs.is_lost(rank)) return false;
  }
  return true;
}

void JobMonitor::State::merge(const Errand& errand, Clock::time_point now) {
  if (errand.failed) {
    lost_since = now;
    return;
  }
  last_contact = now;
  if (errand.report) report_written = true;
  if (errand.sign.state != SignOfLife::State::kRunning) last_sign_written = true;
  if (faults.empty() && !errand.faults.empty()) faults_since = now;
  faults = errand.faults;
  for (size_t rank = 0; rank < errand.signs.size(); ++rank) {
    signs.observe(static_cast<int>(rank), errand.signs[rank], now);
  }
  if (errand.read_signs) last_look = now;
  if (errand.ask_fault_readers) read_by_all = all_know(errand.fault_readers);
  if (!errand.read_signs) {
    looking_since.reset();
  } else if (!looking_since) {
    looking_since = now;
  }
}

void JobMonitor::State::run_messenger() {
  std::unique_lock lock(mutex);
  while (true) {
    Errand errand = next_errand(Clock::now());
    lock.unlock();
    run_errand(errand);
    lock.lock();
    merge(errand, Clock::now());
    changed.notify_all();
    // A store that refused once has lost its connection for good.
    if (errand.failed || (closing && last_sign_written)) break;
    const Clock::time_point next = Clock::now() + (hurried() ? options.beat / 4 : options.beat);
    const bool was_hurried = hurried();
    changed.wait_until(lock, next, [&] { return closing || has_news() || hurried() != was_hurried; });
  }
  messenger_ended = true;
  changed.notify_all();
}

}  // namespace canine
