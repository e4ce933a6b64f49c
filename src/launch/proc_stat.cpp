#include "proc_stat.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>

namespace canine {
namespace {

constexpr unsigned kExiting = 0x4;  // PF_EXITING

/// "/proc/<pid>/stat"
struct StatPath {
  std::array<char, 32> text{};

  explicit StatPath(pid_t pid) {
    constexpr char kBefore[] = "/proc/";
    constexpr char kAfter[] = "/stat";
    std::array<char, 12> digits{};
    size_t count = 0;
    for (auto rest = static_cast<unsigned>(pid); rest > 0 || count == 0; rest /= 10) {
      digits[count++] = static_cast<char>('0' + rest % 10);
    }
    char* end = std::copy_n(kBefore, sizeof kBefore - 1, text.data());
    end = std::reverse_copy(digits.data(), digits.data() + count, end);
    std::copy_n(kAfter, sizeof kAfter, end);
  }
};

/// The number at `text`, which is moved behind it and one blank.
uint64_t take_number(const char*& text) {
  uint64_t number = 0;
  if (*text == '-') ++text;
  while (*text >= '0' && *text <= '9') number = number * 10 + static_cast<uint64_t>(*text++ - '0');
  if (*text == ' ') ++text;
  return number;
}

}  // namespace

ProcStat ProcStat::of(pid_t pid) {
  ProcStat stat;
  const int fd = ::open(StatPath(pid).text.data(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return stat;
  std::array<char, 1024> text{};
  ssize_t got = 0;
  do {
    got = ::read(fd, text.data(), text.size() - 1);
  } while (got < 0 && errno == EINTR);
  ::close(fd);
  // The second field, the command in brackets, may hold anything.
  const char* command_end = got > 0 ? std::strrchr(text.data(), ')') : nullptr;
  if (command_end == nullptr || command_end[1] != ' ' || command_end[2] == '\0') return stat;
  constexpr int kParent = 4;  // as proc(5) counts
  constexpr int kFlags = 9;
  constexpr int kStartedAt = 22;
  constexpr int kPending = 31;
  stat.state = command_end[2];
  const char* next = command_end + 4;
  for (int field = kParent; field <= kPending && *next != '\0'; ++field) {
    const uint64_t number = take_number(next);
    if (field == kParent) stat.parent = static_cast<pid_t>(number);
    if (field == kFlags) stat.flags = static_cast<unsigned>(number);
    if (field == kStartedAt) stat.started_at = number;
    if (field == kPending) stat.pending = number;
  }
  return stat;
}

bool ProcStat::is_dying() const {
  const bool killed = (pending >> (SIGKILL - 1) & 1) != 0;
  return state == 'Z' || state == 'X' || (flags & kExiting) != 0 || killed;
}

}  // namespace canine
