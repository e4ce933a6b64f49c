#pragma once

#include <array>
#include <csignal>

namespace canine {

/// What people, launchers and batch systems ask of a process by signals. Programs that can go on later treat them as
/// StopRequest says; elsewhere, and for all other signals (SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, real-time
/// signals ...), the system's default holds.

/// Somebody wants the end.
inline constexpr std::array kEndSignals = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};

/// Announcements that the end comes: SIGUSR2 before a batch system kills (SGE, LSF, `sbatch --signal`), SIGXCPU where
/// the limit of processor time is passed (`ulimit -S -t`, SGE, LSF), which the kernel repeats every second.
inline constexpr std::array kLimitSignals = {SIGUSR2, SIGXCPU};

/// A wish to save and go on.
inline constexpr int kSaveSignal = SIGUSR1;

/// All of them.
inline sigset_t request_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : kEndSignals) sigaddset(&set, number);
  for (const int number : kLimitSignals) sigaddset(&set, number);
  sigaddset(&set, kSaveSignal);
  return set;
}

}  // namespace canine
