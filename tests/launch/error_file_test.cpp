#include "canine/launch/error_file.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <string>

#include "canine/core/file.hpp"

namespace canine {
namespace {

FaultReport fault(const std::string& message, bool secondary = false) {
  return {message, std::chrono::system_clock::time_point(std::chrono::milliseconds(1'700'000'000'900)), secondary};
}

std::filesystem::path fresh_folder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "error_file_XXXXXX").string();
  return ::mkdtemp(pattern.data());
}

TEST_CASE("the error file has the form that torchrun's agent reads") {
  CHECK(error_file_text(fault("disk full")) ==
        R"({"message": {"message": "disk full", "extraInfo": {"timestamp": 1700000000}}})");
}

TEST_CASE("a secondary fault is dated later, so that the culprit is the root cause") {
  const std::string text = error_file_text(fault("lost rank 1", true));
  CHECK(text.find("\"timestamp\": 1700000060}") != std::string::npos);
  CHECK(text.find("lost rank 1 (this rank only lost another one") != std::string::npos);
}

TEST_CASE("any bytes become valid JSON text") {
  const std::string text = error_file_text(fault(std::string("a\"b\\c\nd\te\x01\x7f\0f\xff\xc3\xa9\xe2\x82", 18)));
  CHECK(
      text.starts_with("{\"message\": {\"message\": \"a\\\"b\\\\c\\nd\\u0009e\\u0001\x7f\\u0000f\xef\xbf\xbd\xc3\xa9"
                       "\xef\xbf\xbd\xef\xbf\xbd\", "));
}

TEST_CASE("the path comes from the launcher, and may be missing or empty") {
  CHECK(launcher_error_file({}).empty());
  CHECK(launcher_error_file({{"TORCHELASTIC_ERROR_FILE", ""}}).empty());
  CHECK(launcher_error_file({{"TORCHELASTIC_ERROR_FILE", "/x/error.json"}}) == "/x/error.json");
}

/// Exit code of a child that runs `body`: the file is written once per process.
template <typename Body>
int code_of_child(const Body& body) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(body());
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_CASE("the first fault of a process is written, whole, and no other") {
  const std::filesystem::path folder = fresh_folder();
  const std::filesystem::path path = folder / "error.json";
  CHECK(code_of_child([&] {
          if (write_error_file("", fault("no file"))) return 1;
          if (!write_error_file(path, fault("first"))) return 2;
          return write_error_file(path, fault("second")) ? 3 : 0;
        }) == 0);
  CHECK(read_file(path) == error_file_text(fault("first")));
  CHECK(std::distance(std::filesystem::directory_iterator(folder), {}) == 1);
  std::filesystem::remove_all(folder);
}

TEST_CASE("a folder that is gone does not hide the fault behind another one") {
  CHECK(code_of_child([] {
          ::close(STDERR_FILENO);
          return write_error_file("/nonexistent/error.json", fault("first")) ? 1 : 0;
        }) == 0);
}

}  // namespace
}  // namespace canine
