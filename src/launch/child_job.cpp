#include "child_job.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "canine/core/errors.hpp"
#include "canine/core/log.hpp"
#include "canine/launch/request_signals.hpp"
#include "stopped_job.hpp"

namespace canine {
namespace {

bool is_ignored(int signal) {
  struct sigaction current {};
  return ::sigaction(signal, nullptr, &current) == 0 && current.sa_handler == SIG_IGN;
}

int code_of(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

std::string words_for(int status) {
  if (!WIFSIGNALED(status)) return fmt::format("exit code {}", WEXITSTATUS(status));
  return fmt::format("signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)));
}

bool is_failure(int code) {
  return code != static_cast<int>(ExitCode::kDone) && code != static_cast<int>(ExitCode::kStopped);
}

/// True once the process has ended; it stays a zombie, so that its number names nobody else yet.
bool has_ended(pid_t pid) {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
}

}  // namespace

SupervisedSignals::SupervisedSignals() {
  taken_ = request_signals();
  sigaddset(&taken_, SIGTSTP);
  // A caller's wish to ignore these (nohup) stands; a blocked signal would arrive although ignored.
  for (const int signal : {SIGHUP, SIGQUIT, SIGTSTP}) {
    if (is_ignored(signal)) sigdelset(&taken_, signal);
  }
  sigaddset(&taken_, SIGCHLD);
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;  // where it is ignored, children vanish without a status
  ::sigaction(SIGCHLD, &standard, &former_child_);
  ::pthread_sigmask(SIG_BLOCK, &taken_, &former_);
}

SupervisedSignals::~SupervisedSignals() {
  ::sigaction(SIGCHLD, &former_child_, nullptr);
  ::pthread_sigmask(SIG_SETMASK, &former_, nullptr);
}

std::optional<int> SupervisedSignals::take(const std::optional<std::chrono::steady_clock::time_point>& deadline) const {
  while (true) {
    int signal = -1;
    if (deadline) {
      const auto left = std::max(*deadline - std::chrono::steady_clock::now(), std::chrono::nanoseconds(0));
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
      const timespec wait{seconds.count(), static_cast<long>((left - seconds) / std::chrono::nanoseconds(1))};
      signal = ::sigtimedwait(&taken_, nullptr, &wait);
    } else {
      signal = ::sigwaitinfo(&taken_, nullptr);
    }
    if (signal > 0) return signal;
    if (errno == EAGAIN) return std::nullopt;
    if (errno != EINTR) throw InternalError("waiting for signals failed: {}", std::strerror(errno));
  }
}

ChildJob::~ChildJob() {
  for (const Child& child : children_) {
    if (!child.running) continue;
    ::kill(-child.pid, SIGKILL);
    ::kill(child.pid, SIGKILL);
    ::waitpid(child.pid, nullptr, 0);
  }
}

int ChildJob::wait(const SupervisedSignals& signals) {
  while (any_running()) {
    const std::optional<int> signal = signals.take(deadline());
    if (signal == SIGTSTP) {
      stop_all();
    } else if (signal && signal != SIGCHLD) {
      send_all(*signal);
    }
    reap();
    pass_deadline();
  }
  // Nobody has failed by itself, so it was the network, or something that none of them saw.
  if (first_failed_ && !cause_) log_error("{}, before all others that failed", first_end_);
  return exit_code();
}

void ChildJob::send_all(int signal) const {
  for (const Child& child : children_) {
    if (child.running) ::kill(child.pid, signal);
  }
}

void ChildJob::stop_all() {
  std::vector<pid_t> groups;
  for (const Child& child : children_) {
    if (child.running) groups.push_back(child.pid);
  }
  const Clock::time_point before = Clock::now();
  stop_job(groups);
  const Clock::duration stopped = Clock::now() - before;
  if (terminate_at_) *terminate_at_ += stopped;
  if (kill_at_ && *kill_at_ != Clock::time_point::max()) *kill_at_ += stopped;
}

void ChildJob::reap() {
  std::vector<End> ends;
  for (size_t rank = 0; rank < children_.size(); ++rank) {
    Child& child = children_[rank];
    if (!child.running || !has_ended(child.pid)) continue;
    ::kill(-child.pid, SIGKILL);  // what it has left behind
    int status = 0;
    ::waitpid(child.pid, &status, 0);
    child.running = false;
    child.code = code_of(status);
    ends.push_back({rank, status});
  }
  // Of those that ended at once, a rank that lost a peer is never the one to name first.
  std::stable_partition(ends.begin(), ends.end(), [this](const End& end) {
    return children_[end.rank].code != static_cast<int>(ExitCode::kPeer);
  });
  for (const End& end : ends) note_end(end);
}

void ChildJob::note_end(const End& end) {
  const auto [rank, status] = end;
  const Child& child = children_[rank];
  if (!is_failure(child.code)) return;
  const bool stopped_by_us = kill_at_.has_value();
  const bool lost_a_peer = child.code == static_cast<int>(ExitCode::kPeer);
  const std::string end_of_rank = fmt::format("rank {} (process {}) ended with {}", rank, child.pid, words_for(status));
  if (!first_failed_) {
    first_failed_ = rank;
    first_end_ = end_of_rank;
    terminate_at_ = Clock::now() + peer_grace_;
  }
  if (!cause_ && !stopped_by_us && !lost_a_peer) {
    cause_ = rank;
    log_error("{}{}", end_of_rank, any_running() ? "; waiting for the others to end" : "");
  } else if (stopped_by_us) {
    log_note("{} after it was told to", end_of_rank);
  } else {
    log_note("{}{}", end_of_rank, lost_a_peer ? ", having lost another rank" : " afterwards");
  }
}

void ChildJob::pass_deadline() {
  const Clock::time_point now = Clock::now();
  if (!any_running()) return;
  if (kill_at_ && now >= *kill_at_) {
    log_note("{} rank(s) did not end within {} ms of SIGTERM and are killed", num_running(), stop_grace_.count());
    for (const Child& child : children_) {
      if (child.running) ::kill(-child.pid, SIGKILL);
    }
    kill_at_ = Clock::time_point::max();  // SIGKILL needs no second time
    terminate_at_.reset();
  } else if (terminate_at_ && now >= *terminate_at_) {
    log_note("{} rank(s) still run {} ms after the first failure and are stopped", num_running(), peer_grace_.count());
    send_all(SIGTERM);
    terminate_at_.reset();
    kill_at_ = now + stop_grace_;
  }
}

bool ChildJob::any_running() const { return num_running() > 0; }

size_t ChildJob::num_running() const {
  return static_cast<size_t>(
      std::count_if(children_.begin(), children_.end(), [](const Child& child) { return child.running; }));
}

std::optional<ChildJob::Clock::time_point> ChildJob::deadline() const {
  if (terminate_at_) return terminate_at_;
  if (kill_at_ && *kill_at_ != Clock::time_point::max()) return kill_at_;
  return std::nullopt;
}

int ChildJob::exit_code() const {
  if (const auto failed = cause_ ? cause_ : first_failed_) return children_[*failed].code;
  const bool stopped =
      std::any_of(children_.begin(), children_.end(), [](const Child& child) { return child.code != 0; });
  return static_cast<int>(stopped ? ExitCode::kStopped : ExitCode::kDone);
}

}  // namespace canine
