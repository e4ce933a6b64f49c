#include "canine/report/progress.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <mutex>

#include "canine/core/clock.hpp"
#include "canine/core/log.hpp"
#include "canine/core/readable.hpp"
#include "terminal.hpp"

namespace canine {
namespace {

constexpr double kSecondsBetweenDraws = 0.1;
constexpr int kBarWidth = 24;
constexpr std::string_view kClearLine = "\r\x1b[K";

int terminal_width() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/// A bar is an ornament: a failed write is dropped.
void write_stderr(std::string_view text) { [[maybe_unused]] const auto written = ::write(2, text.data(), text.size()); }

}  // namespace

struct ProgressBar::State {
  std::string label;
  int64_t total;
  int64_t start;
  Stopwatch clock{};
  double drawn_at = -std::numeric_limits<double>::infinity();
  bool on_screen = false;
  BeforeLine former_callback = nullptr;

  static std::mutex mutex;  // guards on_screen and current
  static State* current;    // the bar that lines must clear

  void clear() {
    if (on_screen) write_stderr(kClearLine);
    on_screen = false;
  }

  static void clear_current() {
    const std::lock_guard lock(mutex);
    if (current != nullptr) current->clear();
  }

  std::string line(int64_t done, std::string_view postfix) const {
    const double share = total > 0 ? std::clamp(static_cast<double>(done) / static_cast<double>(total), 0.0, 1.0) : 1.0;
    const int filled = static_cast<int>(share * kBarWidth);
    const double seconds = clock.seconds();
    const double rate = seconds > 0 ? static_cast<double>(done - start) / seconds : 0;
    const double left = rate > 0 ? static_cast<double>(total - done) / rate : std::numeric_limits<double>::infinity();
    return fmt::format("{} {:3.0f}% [{:<{}}] {}/{} {}<{} {:.1f}/s {}", label, share * 100, std::string(filled, '='),
                       kBarWidth, format_count(done), format_count(total), format_duration(seconds),
                       format_duration(left), rate, postfix);
  }
};

std::mutex ProgressBar::State::mutex;
ProgressBar::State* ProgressBar::State::current = nullptr;

ProgressBar::ProgressBar(std::string label, int64_t total, int64_t start) : state_(nullptr) {
  if (log_is_quiet() || !draws_on_stderr()) return;
  state_ = new State{std::move(label), total, start};
  const std::lock_guard lock(State::mutex);
  State::current = state_;
  state_->former_callback = set_before_line(&State::clear_current);
}

ProgressBar::~ProgressBar() {
  if (state_ == nullptr) return;
  set_before_line(state_->former_callback);
  const std::lock_guard lock(State::mutex);
  state_->clear();
  if (State::current == state_) State::current = nullptr;
  delete state_;
}

void ProgressBar::expect(int64_t total) {
  if (state_ != nullptr) state_->total = total;
}

void ProgressBar::update(int64_t done, std::string_view postfix) {
  if (state_ == nullptr) return;
  const double now = state_->clock.seconds();
  if (now - state_->drawn_at < kSecondsBetweenDraws) return;
  state_->drawn_at = now;
  std::string line = state_->line(done, postfix);
  line.resize(std::min(line.size(), static_cast<size_t>(terminal_width() - 1)));
  const std::lock_guard lock(State::mutex);
  write_stderr(std::string(kClearLine) + line);
  state_->on_screen = true;
}

}  // namespace canine
