// The half of JobMonitor that judges; it never touches the network, so it cannot hang in it.
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "canine/core/errors.hpp"
#include "canine/core/log.hpp"
#include "canine/launch/error_file.hpp"
#include "job_monitor_state.hpp"

namespace canine {

std::string JobMonitor::State::lost_store_message() const {
  return fmt::format("{} is gone: the process that serves it has ended", options.store_name);
}

std::string JobMonitor::State::known_cause(Clock::time_point now) const {
  if (!faults.empty()) return describe_faults(faults);
  if (lost_since) return lost_store_message();
  // While the store is silent nobody's beats are read, so nobody can be blamed for missing ones.
  if (store_silent(now)) return "";
  if (explaining_since && last_look < *explaining_since) return "";
  return fmt::format("{}", fmt::join(signs.silent(now), "; "));
}

JobMonitor::State::Clock::time_point JobMonitor::State::due(const WaitMark& wait, Clock::time_point now) const {
  Clock::time_point counted_from = wait.since;
  if (wait.counts == Counts::kStandstill) {
    if (const auto standstill = signs.standstill(wait.what)) counted_from = std::max(counted_from, now - *standstill);
  }
  return counted_from + wait.deadline;
}

std::string JobMonitor::State::overdue_message(const WaitMark& wait, Clock::time_point now) const {
  std::string text = fmt::format("waited {} ({}) for {}. ", seconds_text(now - wait.since), wait.flag, wait.what);
  if (!faults.empty()) return text + describe_faults(faults);
  if (lost_since) return text + lost_store_message();
  if (store_silent(now)) {
    return text + fmt::format("{} does not answer for {}: its host or the network to it is down, or its process stands",
                              options.store_name, seconds_text(now - last_contact));
  }
  const std::vector<std::string> missing = signs.missing(wait.what, now);
  if (!missing.empty()) return text + fmt::format("{}", fmt::join(missing, "; "));
  return text +
         "All ranks have arrived and wait too: the network between them does not deliver, or the deadline is too "
         "short for it";
}

std::string JobMonitor::State::long_silence(Clock::time_point now) const {
  if (waits.empty() || lost_since) return "";
  const std::string while_waiting = fmt::format("while it waited for {}: ", waits.back().what);
  if (now - last_contact >= options.silence) {
    return while_waiting +
           fmt::format("{} does not answer for {}", options.store_name, seconds_text(now - last_contact));
  }
  const std::vector<std::string> silent = signs.silent(now, options.silence);
  return silent.empty() ? "" : while_waiting + fmt::format("{}", fmt::join(silent, "; "));
}

std::optional<std::string> JobMonitor::State::verdict(Clock::time_point now) const {
  for (const WaitMark& wait : waits) {
    const Clock::time_point due = this->due(wait, now);
    // Who is silent shows only after some beats of looking; a short deadline waits for that.
    const bool informed = (looking_since && now - *looking_since >= silent_after()) || now >= due + silent_after() * 2;
    if (now < due || !(informed || lost_since || !faults.empty())) continue;
    // Where all have come the wait may be one rank's long work inside it (a backward pass): only the backend, whose own
    // clock starts with its messages, knows better. This is for a backend that does not come back.
    const bool all_have_come =
        faults.empty() && !lost_since && !store_silent(now) && signs.missing(wait.what, now).empty();
    if (all_have_come && now < due + wait.deadline) continue;
    return overdue_message(wait, now);
  }
  if (std::string silence = long_silence(now); !silence.empty()) return silence;
  if (report && now - report_since >= options.grace) {
    return report->own ? fmt::format("did not end within {} after its own fault: {}", seconds_text(options.grace),
                                     report->message)
                       : report->message;
  }
  if (!faults.empty() && now - faults_since >= options.grace) return describe_faults(faults);
  if (lost_since && now - *lost_since >= (waits.empty() ? options.grace : Clock::duration(silent_after()))) {
    return lost_store_message();
  }
  return std::nullopt;
}

void JobMonitor::State::end_process(const std::string& message, bool secondary) const {
  if (options.before_end) options.before_end(message, secondary);
  if (options.end) return options.end(message);
  FaultReport fault;
  fault.message = message;
  fault.secondary = secondary;
  write_error_file(launcher_error_file(process_environment()), fault);
  print_stderr_line(fmt::format("[rank {} host {}] error: {}", options.rank, options.host, message));
  ::_exit(static_cast<int>(ExitCode::kPeer));
}

/// This process itself stood still (a suspended job, a machine out of memory): nobody kept it waiting meanwhile.
void JobMonitor::State::forgive(Clock::duration standstill) {
  for (WaitMark& wait : waits) wait.since += standstill;
  if (lost_since) *lost_since += standstill;
  report_since += standstill;
  faults_since += standstill;
  last_contact += standstill;
  signs.forgive(standstill);
}

void JobMonitor::State::run_judge() {
  std::unique_lock lock(mutex);
  Clock::time_point last = Clock::now();
  while (!closing) {
    const Clock::time_point now = Clock::now();
    if (now - last >= silent_after()) forgive(now - last);
    last = now;
    const std::optional<std::string> message = finished ? std::nullopt : verdict(now);
    if (message) {
      publish(lock, *message, /*own=*/false);
      const bool secondary = !report || !report->own;
      lock.unlock();
      end_process(*message, secondary);
      lock.lock();
      break;
    }
    changed.wait_until(lock, now + options.beat / 2, [&] { return closing; });
  }
  judge_ended = true;
  changed.notify_all();
}

}  // namespace canine
