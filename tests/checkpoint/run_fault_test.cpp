// Faults while a checkpoint is being written: full disks, kills, other runs.

#include <ATen/ops/from_blob.h>
#include <ATen/ops/full.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "canine/checkpoint/run_folder.hpp"
#include "canine/checkpoint/run_lock.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "capture_stderr.hpp"
#include "support/file_size_limit.hpp"
#include "temp_folder.hpp"

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

PickleValue content_of(int64_t step) {
  PickleValue content = PickleValue::Dict{};
  content.set("weight", at::full({1000, 1000}, static_cast<double>(step), at::kFloat));
  content.set("step", step);
  return content;
}

int64_t newest_step(const fs::path& folder) {
  const auto found = RunFolder({.folder = folder}).newest();
  return found ? found->content.at("step", "").as_int("step") : -1;
}

size_t num_files(const fs::path& folder) {
  return static_cast<size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

TEST_CASE("run fault: a save that cannot be written leaves everything as it was") {
  const TempFolder folder;
  RunFolder run({.folder = folder.path()});
  run.save(1, content_of(1));
  for (const rlim_t bytes : {rlim_t{0}, rlim_t{1}, rlim_t{2'000'000}, rlim_t{4'000'900}}) {
    INFO(bytes);
    {
      const testing::FileSizeLimit limit(bytes);
      CHECK_THROWS_AS(run.save(2, content_of(2)), IoError);
    }
    CHECK(num_files(folder.path()) == 3);
    CHECK(newest_step(folder.path()) == 1);
  }
  run.save(2, content_of(2));
  CHECK(newest_step(folder.path()) == 2);
}

TEST_CASE("run fault: a full disk is noticed before anything is written") {
  const TempFolder folder;
  struct statvfs info {};
  REQUIRE(::statvfs(folder.path().c_str(), &info) == 0);
  const uint64_t free = uint64_t{info.f_bavail} * info.f_frsize;
  // Addresses only: never touched, so it costs no memory.
  void* memory = ::mmap(nullptr, free, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  REQUIRE(memory != MAP_FAILED);
  const at::Tensor weight = at::from_blob(memory, {static_cast<int64_t>(free)}, at::TensorOptions().dtype(at::kByte));
  const PickleValue content = PickleValue::Dict{{{"weight", weight}}};
  CHECK_THROWS_AS(RunFolder({.folder = folder.path()}).save(1, content), IoError);
  CHECK_THROWS_WITH(RunFolder({.folder = folder.path()}).save(1, content), ContainsSubstring("make room"));
  CHECK(fs::is_empty(folder.path()));
  ::munmap(memory, free);
}

TEST_CASE("run fault: a folder that vanished or is a file is named") {
  const TempFolder folder;
  write_file(folder / "file", "x", false);
  for (const fs::path& path : {folder / "file", folder / "gone"}) {
    CHECK_THROWS_AS(RunFolder({.folder = path}).save(1, content_of(1)), CannotWriteError);
    CHECK_THROWS_WITH(RunFolder({.folder = path}).save(1, content_of(1)), ContainsSubstring(path.string()));
  }
}

/// Runs `body` in a child and returns the signal that ended it (0 = it came to its end).
template <typename Body>
int signal_of_child(const Body& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit no_core{};
    ::setrlimit(RLIMIT_CORE, &no_core);
    try {
      body();
    } catch (...) {
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

TEST_CASE("run fault: a run killed at any byte of a save resumes from the save before") {
  const TempFolder folder;
  RunFolder run({.folder = folder.path()});
  run.save(1, content_of(1));
  const uint64_t bytes = fs::file_size(folder / "1.bin");
  for (const uint64_t at : {uint64_t{0}, uint64_t{1}, uint64_t{4096}, bytes / 2, bytes - 1}) {
    INFO(at);
    const int signal = signal_of_child([&] {
      const testing::FileSizeLimit limit(at);
      ::signal(SIGXFSZ, SIG_DFL);  // a death in the middle of a write
      run.save(2, content_of(2));
    });
    CHECK(signal == SIGXFSZ);
    CHECK(num_files(folder.path()) == 4);  // an aside file was left
    const CaptureStderr capture;
    CHECK(newest_step(folder.path()) == 1);
    CHECK(num_files(folder.path()) == 3);
    CHECK_THAT(capture.text(), ContainsSubstring("2.bin.tmp.") && ContainsSubstring("unfinished"));
  }
}

TEST_CASE("run fault: aside files of living processes stay") {
  const TempFolder folder;
  const std::string parent = std::to_string(::getppid());
  for (const std::string& name : {"9.bin.tmp." + parent, std::string("9.bin.tmp.1x"), std::string("9.bin.tmp."),
                                  std::string(".tmp.99999999"), std::string("note.tmp")}) {
    write_file(folder / name, "x", false);
  }
  write_file(folder / ("8.bin.tmp." + std::to_string(::getpid())), "x", false);
  const CaptureStderr quiet;
  CHECK(newest_step(folder.path()) == -1);
  CHECK(num_files(folder.path()) == 5);
}

TEST_CASE("run fault: two runs cannot have one folder") {
  const TempFolder folder;
  {
    const RunLock first(folder.path());
    CHECK_THROWS_AS(RunLock(folder.path()), CannotWriteError);
    CHECK_THROWS_WITH(RunLock(folder.path()), ContainsSubstring("process " + std::to_string(::getpid())));
  }
  CHECK(fs::is_empty(folder.path()));
  const RunLock second(folder.path());
  CHECK_THROWS_AS(RunLock(folder / "gone"), CannotWriteError);
}

TEST_CASE("run fault: the lock of a killed run is free") {
  const TempFolder folder;
  const int signal = signal_of_child([&] {
    const RunLock lock(folder.path());
    ::raise(SIGKILL);
  });
  CHECK(signal == SIGKILL);
  CHECK(fs::file_size(folder / ".lock") > 0);
  const RunLock lock(folder.path());
}

}  // namespace
}  // namespace canine
