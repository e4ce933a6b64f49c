#include "canine/core/log.hpp"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <mutex>
#include <span>
#include <string>
#include <utility>

#include "canine/core/write_errors.hpp"
#include "log_line.hpp"

namespace canine {
namespace {

std::mutex g_line_mutex;
std::atomic<BeforeLine> g_before_line{nullptr};
std::string g_tag;  // set before there are threads
std::atomic<bool> g_quiet{false};
std::atomic<bool> g_story_is_lost{false};

}  // namespace

int write_line(int fd, std::string_view line) {
  std::string text;
  text.reserve(line.size() + 1);
  text.append(line).push_back('\n');
  const std::lock_guard lock(g_line_mutex);
  if (const BeforeLine before = g_before_line.load()) before();
  const int error = write_fully(fd, std::as_bytes(std::span(text))).error;
  return error == EPIPE ? 0 : error;
}

void print_stdout_line(std::string_view line) {
  const int error = write_line(STDOUT_FILENO, line);
  if (error == 0 || g_story_is_lost.exchange(true)) return;
  log_warning("cannot write to the standard output: {}; the program goes on, lines that it prints are lost",
              write_error_text(error));
}

void print_stderr_line(std::string_view line) { write_line(STDERR_FILENO, line); }

void set_log_role(std::string tag, bool quiet) {
  g_tag = std::move(tag);
  g_quiet = quiet;
}

bool log_is_quiet() { return g_quiet; }
const std::string& log_tag() { return g_tag; }

BeforeLine set_before_line(BeforeLine callback) { return g_before_line.exchange(callback); }

}  // namespace canine
