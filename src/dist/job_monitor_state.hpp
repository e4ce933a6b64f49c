#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "canine/dist/job_monitor.hpp"
#include "canine/dist/job_store.hpp"
#include "canine/dist/signs_of_life.hpp"

namespace canine {

/// What the main thread and the two background threads of a JobMonitor share. Functions that take no lock are called
/// with `mutex` held, except the two loops.
struct JobMonitor::State {
  using Clock = PeerSigns::Clock;

  struct WaitMark {
    std::string what;
    std::string flag;
    std::chrono::milliseconds deadline;
    Counts counts;
    Clock::time_point since;
  };

  State(const JobStore& job_store, const Options& monitor_options);

  // The messenger: all that touches the store.
  void run_messenger();
  // The judge: memory and clocks only.
  void run_judge();
  void end_process(const std::string& message, bool secondary) const;

  /// Before this rank leaves: hands a report to the messenger (the first one only; no conclusion where others' faults
  /// tell all) and waits until it is delivered, for a bounded time. The rank that serves the store stays until the
  /// others have read a report, its own or another's.
  void publish(std::unique_lock<std::mutex>& lock, const std::string& message, bool own);

  std::optional<std::string> verdict(Clock::time_point now) const;
  Clock::time_point due(const WaitMark& wait, Clock::time_point now) const;
  std::string overdue_message(const WaitMark& wait, Clock::time_point now) const;
  std::string long_silence(Clock::time_point now) const;
  /// "" as long as nothing certain is known.
  std::string known_cause(Clock::time_point now) const;
  std::string lost_store_message() const;
  Clock::duration silent_after() const { return options.beat * 5 / 2; }
  /// The store has not answered for so long that its signs are old.
  bool store_silent(Clock::time_point now) const { return now - last_contact >= silent_after(); }

  const Options options;
  const std::shared_ptr<JobStore> store;  // of the messenger alone

  std::mutex mutex;
  std::condition_variable changed;

  // Written by the main thread.
  std::string activity = "starting";
  Clock::time_point activity_since = Clock::now();
  std::vector<WaitMark> waits;                        // nested ones inside
  std::optional<Clock::time_point> explaining_since;  // explain_failure waits for news
  bool leaving = false;                               // publish() waits
  bool finished = false;
  bool closing = false;
  std::optional<PeerFault> report;  // for the other ranks
  Clock::time_point report_since{};

  // Written by the messenger.
  int64_t beat = 0;
  bool report_written = false;
  bool read_by_all = false;
  bool last_sign_written = false;
  bool messenger_ended = false;
  std::vector<PeerFault> faults;  // of other ranks
  Clock::time_point faults_since{};
  PeerSigns signs;
  std::optional<Clock::time_point> looking_since;  // signs have been read at every beat since
  Clock::time_point last_look{};
  Clock::time_point last_contact = Clock::now();
  std::optional<Clock::time_point> lost_since;  // the store has refused; the messenger is gone

  // Written by the judge.
  bool judge_ended = false;

  std::thread messenger;
  std::thread judge;

 private:
  void forgive(Clock::duration standstill);

  struct Errand;
  Errand next_errand(Clock::time_point now);
  void run_errand(Errand& errand);
  void merge(const Errand& errand, Clock::time_point now);
  bool wants_signs(Clock::time_point now) const;
  bool all_know(const std::vector<bool>& readers) const;
  bool hurried() const;
  bool has_news() const;
};

}  // namespace canine
