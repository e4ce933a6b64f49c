#include "canine/app/run_main.hpp"

#include <c10/util/Exception.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <new>

#include "app/captured.hpp"
#include "canine/core/log.hpp"

namespace canine {
namespace {

struct Ended {
  int status;
  std::string text;
};

Ended ended(const std::function<int()>& body) {
  Ended result{};
  result.text = captured(2, [&] { result.status = run_main(body); });
  return result;
}

/// Exit status of `body` in a child process, so that its streams and signals are its own.
int in_child(const std::function<int()>& body) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(body());
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_CASE("errors become exit codes and one message") {
  CHECK(ended([] { return 75; }).status == 75);
  const Ended usage = ended([]() -> int { throw UsageError("--x: expected {}", "y"); });
  CHECK(usage.status == 2);
  CHECK(usage.text == "error: --x: expected y\n");
  CHECK(ended([]() -> int { throw DataError("d"); }).status == 65);
  CHECK(ended([]() -> int { throw CannotWriteError("d"); }).status == 73);
  CHECK(ended([]() -> int { throw IoError("d"); }).status == 74);
  CHECK(ended([]() -> int { throw CheckpointError("d"); }).status == 77);
  const Ended memory = ended([]() -> int { throw std::bad_alloc(); });
  CHECK(memory.status == 70);
  CHECK(memory.text == "error: out of memory\n");
  CHECK(ended([]() -> int { throw std::runtime_error("d"); }).status == 70);
}

TEST_CASE("LibTorch's errors come without stack traces") {
  const Ended torch = ended([]() -> int { TORCH_CHECK(false, "shapes differ"); });
  CHECK(torch.status == 70);
  CHECK(torch.text.starts_with("error: shapes differ"));
  CHECK(torch.text.find("frame #") == std::string::npos);
}

TEST_CASE("files never get the numbers of closed standard streams") {
  CHECK(in_child([] {
          ::close(0);
          ::close(1);
          ::close(2);
          return run_main([] {
            const int fd = ::open("/dev/null", O_RDONLY);
            print_stdout_line("nobody reads this");
            return fd;
          });
        }) >= 3);
}

TEST_CASE("a reader that went away does not end the program") {
  CHECK(in_child([] {
          int ends[2];
          if (::pipe(ends) != 0) return 1;
          ::dup2(ends[1], 1);
          ::close(ends[0]);
          return run_main([] {
            print_stdout_line("nobody reads this");
            return 42;
          });
        }) == 42);
}

}  // namespace
}  // namespace canine
