#include "canine/core/output_stream.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <string>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/core/log.hpp"
#include "support/temporary_folder.hpp"

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

void write(OutputStream& stream, std::string_view text) { stream.write(std::as_bytes(std::span(text))); }

TEST_CASE("Data goes to a descriptor, and a reader that has ended is named") {
  ::signal(SIGPIPE, SIG_IGN);
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  OutputStream stream(fmt::format("/dev/fd/{}", ends[1]));
  write(stream, "rows");
  CHECK(stream.size() == 4);
  std::array<char, 8> text{};
  CHECK(::read(ends[0], text.data(), text.size()) == 4);
  ::close(ends[0]);
  CHECK_THROWS_MATCHES(write(stream, "more"), IoError,
                       MessageMatches(ContainsSubstring("whoever read from it has ended")));
  ::close(ends[1]);
}

TEST_CASE("What cannot be written to is refused") {
  const testing::TemporaryFolder folder;
  write_file(folder / "in", "x");
  const int file = ::open((folder / "in").c_str(), O_RDONLY);
  CHECK_THROWS_AS(OutputStream(fmt::format("/dev/fd/{}", file)), UsageError);
  ::close(file);
  CHECK_THROWS_AS(OutputStream(fmt::format("/dev/fd/{}", file)), UsageError);
  CHECK_THROWS_AS(OutputStream("/dev/stderr"), UsageError);
}

TEST_CASE("With data on the standard output, lines for people go to stderr") {
  const testing::TemporaryFolder folder;
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(::open((folder / "out").c_str(), O_WRONLY | O_CREAT, 0600), STDOUT_FILENO);
    ::dup2(::open((folder / "err").c_str(), O_WRONLY | O_CREAT, 0600), STDERR_FILENO);
    keep_standard_output_for_data();
    log_info("a line");
    keep_standard_output_for_data();
    OutputStream stream("-");
    write(stream, "rows\n");
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(read_file(folder / "out") == "rows\n");
  CHECK(read_file(folder / "err") == "a line\n");
}

}  // namespace
}  // namespace canine
