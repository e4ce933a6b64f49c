#include "canine/core/write_errors.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <csignal>
#include <string>

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
