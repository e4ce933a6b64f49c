#include "canine/core/log.hpp"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <mutex>
#include <string>
#include <utility>

namespace canine {
namespace {

std::mutex g_line_mutex;
std::atomic<BeforeLine> g_before_line{nullptr};
std::string g_tag;  // set before there are threads
std::atomic<bool> g_quiet{false};

void write_line(int fd, std::string_view line) {
  std::string text;
  text.reserve(line.size() + 1);
  text.append(line).push_back('\n');
  const std::lock_guard lock(g_line_mutex);
  if (const BeforeLine before = g_before_line.load()) before();
  const char* data = text.data();
  size_t left = text.size();
  while (left > 0) {
    const ssize_t written = ::write(fd, data, left);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    data += written;
    left -= static_cast<size_t>(written);
  }
}

}  // namespace

void print_stdout_line(std::string_view line) { write_line(STDOUT_FILENO, line); }
void print_stderr_line(std::string_view line) { write_line(STDERR_FILENO, line); }

void set_log_role(std::string tag, bool quiet) {
  g_tag = std::move(tag);
  g_quiet = quiet;
}

bool log_is_quiet() { return g_quiet; }
const std::string& log_tag() { return g_tag; }

BeforeLine set_before_line(BeforeLine callback) { return g_before_line.exchange(callback); }

}  // namespace canine
