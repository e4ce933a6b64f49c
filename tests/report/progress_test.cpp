#include "canine/report/progress.hpp"

#include <fcntl.h>
#include <pty.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <limits>
#include <optional>
#include <string>

#include "canine/core/log.hpp"
#include "canine/report/progress_lines.hpp"
#include "support/environment_variable.hpp"

namespace canine {
namespace {

/// What `body` writes to stderr while that is a terminal of 60 columns.
std::string on_terminal(const std::function<void()>& body, const std::optional<std::string>& term = "xterm") {
  int master = -1;
  int slave = -1;
  const winsize size{24, 60, 0, 0};
  REQUIRE(::openpty(&master, &slave, nullptr, nullptr, &size) == 0);
  const testing::EnvironmentVariable kind("TERM", term);
  const int stderr_copy = ::dup(STDERR_FILENO);
  ::dup2(slave, STDERR_FILENO);
  body();
  ::dup2(stderr_copy, STDERR_FILENO);
  ::close(stderr_copy);
  ::fcntl(master, F_SETFL, O_NONBLOCK);
  std::string text;
  char buffer[4096];
  for (ssize_t got = 0; (got = ::read(master, buffer, sizeof buffer)) > 0;) text.append(buffer, size_t(got));
  ::close(slave);
  ::close(master);
  return text;
}

TEST_CASE("a bar is drawn, cleared before a line, and cleared at its end") {
  const std::string text = on_terminal([] {
    ProgressBar bar("epoch 3", 1000);
    bar.update(250, "loss 0.5");
    print_stderr_line("a line");
  });
  CHECK(text.starts_with("\r\x1b[Kepoch 3  25% [======                  ] 250/1,000 "));
  CHECK(text.ends_with("\r\x1b[Ka line\r\n"));
  // Drawn text never reaches the last column, where terminals wrap.
  CHECK(text.find('\r', 1) - std::string_view("\r\x1b[K").size() <= 59);

  const std::string silent_end = on_terminal([] {
    ProgressBar bar("epoch 3", 10);
    bar.update(5);
  });
  CHECK(silent_end.ends_with("\r\x1b[K"));
}

TEST_CASE("drawing is throttled") {
  const std::string text = on_terminal([] {
    ProgressBar bar("x", 1'000'000);
    for (int i = 0; i < 10'000; ++i) bar.update(i);
  });
  CHECK(text.size() < 2000);
}

TEST_CASE("lines after the bar's end are plain") {
  const std::string text = on_terminal([] {
    { ProgressBar bar("x", 10); }
    print_stderr_line("plain");
  });
  CHECK(text == "plain\r\n");
}

TEST_CASE("a terminal that cannot draw gets lines instead of a bar") {
  for (const std::optional<std::string>& term :
       {std::optional<std::string>("dumb"), std::optional<std::string>(""), std::optional<std::string>()}) {
    bool line_due = false;
    const std::string text = on_terminal(
        [&] {
          ProgressBar bar("x", 10);
          bar.update(5);
          line_due = ProgressLines(0).due();
        },
        term);
    CHECK(text.empty());
    CHECK(line_due);
  }
  on_terminal([] { CHECK_FALSE(ProgressLines(0).due()); });
}

TEST_CASE("without a terminal there is no bar") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const int stderr_copy = ::dup(STDERR_FILENO);
  ::dup2(ends[1], STDERR_FILENO);
  {
    ProgressBar bar("x", 10);
    bar.update(5);
  }
  ::dup2(stderr_copy, STDERR_FILENO);
  ::close(stderr_copy);
  ::close(ends[1]);
  char byte;
  CHECK(::read(ends[0], &byte, 1) == 0);
  ::close(ends[0]);
}

}  // namespace
}  // namespace canine
