#include "canine/core/log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/core/result.hpp"
#include "support/captured_stream.hpp"

namespace canine {
namespace {

TEST_CASE("Logs go to stdout, notes, warnings and errors to stderr") {
  std::string out;
  std::string err;
  {
    const testing::CapturedStream captured_out(1);
    const testing::CapturedStream captured_err(2);
    log_info("{} rows", 3);
    log_note("a {}", "b");
    log_warning("{:.1f}", 0.25);
    log_error("{}", "{}");
    out = captured_out.text();
    err = captured_err.text();
  }
  CHECK(out == "3 rows\n");
  CHECK(err == "note: a b\nwarning: 0.2\nerror: {}\n");
}

TEST_CASE("Another process than the first keeps the common story to itself and tags its errors") {
  std::string out;
  std::string err;
  {
    const testing::CapturedStream captured_out(1);
    const testing::CapturedStream captured_err(2);
    set_log_role("[rank 1 host b] ", true);
    log_info("step");
    log_note("n");
    log_warning("w");
    log_error("e");
    set_log_role("", false);
    log_info("again");
    out = captured_out.text();
    err = captured_err.text();
  }
  CHECK(out == "again\n");
  CHECK(err == "[rank 1 host b] warning: w\n[rank 1 host b] error: e\n");
}

TEST_CASE("Lines of several threads do not mix, and a progress bar is told before each") {
  static int num_calls = 0;
  const BeforeLine former = set_before_line([] { ++num_calls; });
  std::string out;
  {
    const testing::CapturedStream captured(1);
    {
      std::vector<std::jthread> threads;
      for (int t = 0; t < 4; ++t) {
        threads.emplace_back([t] {
          for (int i = 0; i < 100; ++i) log_info("{}", std::string(200, static_cast<char>('a' + t)));
        });
      }
    }
    out = captured.text();
  }
  CHECK(set_before_line(former) != nullptr);
  CHECK(num_calls == 400);
  std::istringstream lines(out);
  int num_lines = 0;
  for (std::string line; std::getline(lines, line); ++num_lines) CHECK(line == std::string(200, line[0]));
  CHECK(num_lines == 400);
}

TEST_CASE("A result that cannot be written is an error, lines of a story are missed with one warning") {
  const int kept = ::dup(1);
  const int full = ::open("/dev/full", O_WRONLY);
  REQUIRE(full >= 0);
  std::string err;
  {
    const testing::CapturedStream captured(2);
    ::dup2(full, 1);
    log_info("a");
    log_info("b");
    CHECK_THROWS_MATCHES(print_result("c"), IoError,
                         Catch::Matchers::Message("cannot write to the standard output: No space left on device"));
    ::dup2(kept, 1);
    err = captured.text();
  }
  ::close(full);
  ::close(kept);
  CHECK(err ==
        "warning: cannot write to the standard output: No space left on device; the program goes on, lines that it "
        "prints are lost\n");
}

TEST_CASE("Errors carry their exit code and message") {
  const auto code_of = [](const Error& error) { return static_cast<int>(error.exit_code()); };
  CHECK(code_of(UsageError("x")) == 2);
  CHECK(code_of(DataError("x")) == 65);
  CHECK(code_of(InternalError("x")) == 70);
  CHECK(code_of(CannotWriteError("x")) == 73);
  CHECK(code_of(IoError("x")) == 74);
  CHECK(code_of(StoppedError("x")) == 75);
  CHECK(code_of(CheckpointError("x")) == 77);
  CHECK(std::string(DataError("{}, line {}", "f.csv", 3).what()) == "f.csv, line 3");
}

}  // namespace
}  // namespace canine
