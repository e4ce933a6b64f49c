#pragma once

#include <sys/types.h>

#include <cstdint>

namespace canine {

/// What /proc/<pid>/stat says of a process's main thread. Read with system calls only, so that signal handlers may.
struct ProcStat {
  char state = '\0';        ///< R, S, T, Z ...; '\0' if there is no such process or it cannot be read
  pid_t parent = 0;         ///< process id
  unsigned flags = 0;       ///< PF_... of the kernel
  uint64_t started_at = 0;  ///< clock ticks since the host started
  uint64_t pending = 0;     ///< signals for this thread alone, bit number - 1

  static ProcStat of(pid_t pid);

  /// The process is on its way out: the main thread has ended or is ending, or is killed. False if it cannot be read.
  bool is_dying() const;
};

}  // namespace canine
