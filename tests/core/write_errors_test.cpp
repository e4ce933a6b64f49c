#include "canine/core/write_errors.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <csignal>
#include <span>
#include <string>
#include <thread>

#include "support/file_size_limit.hpp"

namespace canine {
namespace {

TEST_CASE("A limit on the size of files is named, other causes are said by the system") {
  const std::string plain = write_error_text(EFBIG);
  CHECK(plain == "File too large");
  const testing::FileSizeLimit limit(2'048'000);
  CHECK(write_error_text(EFBIG) == plain + ": this process may write files of at most 2,048,000 bytes (`ulimit -f`)");
  CHECK(write_error_text(ENOSPC) == "No space left on device");
}

TEST_CASE("All bytes are written, also to a slow reader of a stream that does not wait") {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  REQUIRE(::fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0);
  const std::string text(1'000'000, 'x');
  size_t read_bytes = 0;
  std::thread reader([&] {
    char buffer[1000];
    for (ssize_t got = 0; (got = ::read(ends[0], buffer, sizeof buffer)) > 0;) read_bytes += static_cast<size_t>(got);
  });
  const Written written = write_fully(ends[1], std::as_bytes(std::span(text)));
  ::close(ends[1]);
  reader.join();
  ::close(ends[0]);
  CHECK(written.error == 0);
  CHECK(written.bytes == text.size());
  CHECK(read_bytes == text.size());
  CHECK(write_fully(ends[0], std::as_bytes(std::span(text))).error == EBADF);
}

TEST_CASE("Signals of failed writes end nobody once they are ignored") {
  const pid_t pid = ::fork();
  if (pid == 0) {
    for (const int number : {SIGPIPE, SIGXFSZ}) ::signal(number, SIG_DFL);
    ignore_write_signals();
    for (const int number : {SIGPIPE, SIGXFSZ}) ::raise(number);
    ::_exit(3);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 3);
}

}  // namespace
}  // namespace canine
