#include "canine/launch/fault_reporter.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <exception>
#include <string>

#include "canine/core/errors.hpp"
#include "canine/launch/error_file.hpp"
#include "error_file_claim.hpp"

namespace canine {
namespace {

struct Fatal {
  int number;
  const char* name;
};
constexpr std::array<Fatal, 5> kFatal = {
    {{SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"}, {SIGFPE, "SIGFPE"}, {SIGILL, "SIGILL"}, {SIGABRT, "SIGABRT"}}};

constexpr size_t kPathSize = 4096;
std::array<char, kPathSize> g_path;   // "" = no error file
std::array<char, kPathSize> g_aside;  // renamed to g_path when whole
std::atomic<int> g_rank = 0;
std::atomic<int64_t> g_step = -1;
std::atomic<bool> g_reported = false;  // by the terminate handler, whose abort() comes here too
alignas(16) std::array<char, 65536> g_stack;

/// Text built without allocation; what does not fit is dropped.
class FixedText {
 public:
  void add(const char* text) {
    while (*text != '\0' && size_ < text_.size()) text_[size_++] = *text++;
  }
  void add(int64_t number) {
    std::array<char, 21> digits{};
    size_t begin = digits.size() - 1;
    for (auto rest = static_cast<uint64_t>(std::max<int64_t>(number, 0)); rest > 0 || begin == digits.size() - 1;
         rest /= 10) {
      digits[--begin] = static_cast<char>('0' + rest % 10);
    }
    add(&digits[begin]);
  }
  /// write() until all is out or it fails.
  bool write_to(int fd) const {
    for (size_t done = 0; done < size_;) {
      const ssize_t written = ::write(fd, &text_[done], size_ - done);
      if (written <= 0) return false;
      done += static_cast<size_t>(written);
    }
    return true;
  }

 private:
  std::array<char, 512> text_{};
  size_t size_ = 0;
};

void describe(FixedText& text, int number) {
  text.add("rank ");
  text.add(g_rank.load());
  text.add(": signal ");
  text.add(number);
  for (const Fatal& fatal : kFatal) {
    if (fatal.number != number) continue;
    text.add(" (");
    text.add(fatal.name);
    text.add(")");
  }
  if (g_step >= 0) {
    text.add(" in step ");
    text.add(g_step.load());
  }
  text.add(", process ");
  text.add(::getpid());
}

void write_signal_file(int number) {
  if (g_path[0] == '\0' || !claim_error_file()) return;
  FixedText text;
  text.add(R"({"message": {"message": ")");
  describe(text, number);
  text.add(R"(", "extraInfo": {"timestamp": )");
  text.add(static_cast<int64_t>(::time(nullptr)));
  text.add("}}}");
  const int fd = ::open(g_aside.data(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return;
  const bool whole = text.write_to(fd) && ::fsync(fd) == 0;
  ::close(fd);
  if (whole) {
    ::rename(g_aside.data(), g_path.data());
  } else {
    ::unlink(g_aside.data());
  }
}

/// The default action follows when this returns: the signal is blocked until then.
extern "C" void report_signal(int number) {
  ::signal(number, SIG_DFL);
  if (!g_reported.exchange(true)) {
    FixedText line;
    line.add("error: ");
    describe(line, number);
    line.add("\n");
    line.write_to(STDERR_FILENO);
    write_signal_file(number);
  }
  ::raise(number);
}

FaultReport current_fault() {
  FaultReport report;
  report.message = "terminated without an exception";
  try {
    if (std::current_exception()) std::rethrow_exception(std::current_exception());
  } catch (const Error& error) {
    report.message = fmt::format("nobody caught: {}", error.what());
    report.secondary = error.exit_code() == ExitCode::kPeer;
  } catch (const std::exception& error) {
    report.message = fmt::format("nobody caught: {}", error.what());
  } catch (...) {
    report.message = "nobody caught an exception of an unknown type";
  }
  if (g_step >= 0) report.message += fmt::format(" (step {})", g_step.load());
  report.message = fmt::format("rank {}: {}", g_rank.load(), report.message);
  return report;
}

[[noreturn]] void report_terminate() {
  if (!g_reported.exchange(true)) {
    try {
      const FaultReport report = current_fault();
      const std::string line = fmt::format("error: {}\n", report.message);  // not through the log, which may be locked
      [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
      write_error_file(g_path.data(), report);
    } catch (...) {
      g_reported = false;  // no memory for words: the handler of abort's signal needs none
    }
  }
  std::abort();
}

void keep_paths(const std::filesystem::path& error_file) {
  const std::string aside = fmt::format("{}.tmp.{}", error_file.string(), ::getpid());
  g_path[0] = '\0';
  if (error_file.empty() || aside.size() >= kPathSize) return;
  std::error_code ignored;
  const auto status = std::filesystem::symlink_status(error_file, ignored);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) return;  // it would be replaced
  std::memcpy(g_aside.data(), aside.c_str(), aside.size() + 1);
  std::memcpy(g_path.data(), error_file.c_str(), error_file.string().size() + 1);
}

}  // namespace

void install_fault_reporter(int rank, const std::filesystem::path& error_file) {
  g_rank = rank;
  keep_paths(error_file);
  stack_t stack{};
  stack.ss_sp = g_stack.data();
  stack.ss_size = g_stack.size();
  ::sigaltstack(&stack, nullptr);
  struct sigaction action {};
  action.sa_handler = report_signal;
  action.sa_flags = SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  for (const Fatal& fatal : kFatal) ::sigaction(fatal.number, &action, nullptr);
  std::set_terminate(report_terminate);
}

void note_step(int64_t step) { g_step = step; }

}  // namespace canine
