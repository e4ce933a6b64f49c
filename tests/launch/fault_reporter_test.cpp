#include "canine/launch/fault_reporter.hpp"

#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "canine/core/file.hpp"
#include "helper_process.hpp"

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;

/// A helper that ends by `action`, and the error file it leaves.
struct Ended {
  explicit Ended(const std::string& action) {
    std::string pattern = (std::filesystem::temp_directory_path() / "fault_reporter_XXXXXX").string();
    const std::filesystem::path folder = ::mkdtemp(pattern.data());
    HelperProcess helper({"run", action}, {{"TORCHELASTIC_ERROR_FILE", folder / "error.json"}});
    pid = helper.pid();
    code = helper.wait();
    output = helper.output();
    num_files = std::distance(std::filesystem::directory_iterator(folder), {});
    if (num_files > 0) file = read_file(folder / "error.json");
    std::filesystem::remove_all(folder);
  }

  int pid = 0;
  int code = 0;
  std::string output;
  std::string file;
  long num_files = 0;
};

TEST_CASE("a fatal signal is one line and an error file, then its default action") {
  const std::pair<int, std::string> fatal[] = {
      {SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"}, {SIGFPE, "SIGFPE"}, {SIGILL, "SIGILL"}, {SIGABRT, "SIGABRT"}};
  for (const auto& [number, name] : fatal) {
    const Ended ended("raise=" + std::to_string(number));
    CHECK(ended.code == 128 + number);
    const std::string text =
        "rank 0: signal " + std::to_string(number) + " (" + name + "), process " + std::to_string(ended.pid);
    CHECK(ended.output == "error: " + text + "\n");
    CHECK(ended.file.starts_with(R"({"message": {"message": ")" + text + R"(", "extraInfo": {"timestamp": )"));
    CHECK(ended.file.ends_with("}}}"));
    CHECK(ended.num_files == 1);
  }
}

TEST_CASE("running out of stack is reported") {
  const Ended ended("overflow");
  CHECK(ended.code == 128 + SIGSEGV);
  CHECK_THAT(ended.output, ContainsSubstring("(SIGSEGV)"));
  CHECK_THAT(ended.file, ContainsSubstring("(SIGSEGV)"));
}

TEST_CASE("an exception that nobody catches is reported with its text and step, once") {
  const Ended ended("throw=wrong \"shape\"");
  CHECK(ended.code == 128 + SIGABRT);
  CHECK(ended.output == "error: rank 0: nobody caught: wrong \"shape\" (step 12)\n");
  CHECK_THAT(ended.file, ContainsSubstring(R"--("rank 0: nobody caught: wrong \"shape\" (step 12)")--"));
}

TEST_CASE("an exception in a thread is reported; a lost peer is secondary") {
  const Ended ended("thread-throw=lost rank 3");
  CHECK(ended.code == 128 + SIGABRT);
  CHECK_THAT(ended.output, ContainsSubstring("error: rank 0: nobody caught: lost rank 3"));
  CHECK_THAT(ended.file, ContainsSubstring("this rank only lost another one"));
}

}  // namespace
}  // namespace canine
