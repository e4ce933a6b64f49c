#include "canine/core/cpu_quota.hpp"

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <string>

#include "canine/core/file.hpp"
#include "support/temporary_folder.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;
using testing::TemporaryFolder;

/// A system of files with /proc/self and groups.
class System {
 public:
  System& with(const std::string& path, const std::string& text) {
    const fs::path file = folder_ / path;
    fs::create_directories(file.parent_path());
    write_file(file, text, false);
    return *this;
  }
  std::optional<double> quota(pid_t pid = 0) const { return cpu_quota(pid, folder_.path()); }

 private:
  TemporaryFolder folder_;
};

constexpr const char* kMountOf2 = "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
constexpr const char* kMountsOf1 =
    "29 24 0:25 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755\n"
    "31 29 0:27 / /sys/fs/cgroup/cpuset rw master:5 - cgroup cgroup rw,cpuset\n"
    "32 29 0:28 / /sys/fs/cgroup/cpu,cpuacct rw master:6 - cgroup cgroup rw,cpu,cpuacct\n";

TEST_CASE("Nothing that limits the processor time is no quota") {
  CHECK_FALSE(System().quota());
  CHECK_FALSE(System().with("proc/self/mountinfo", kMountOf2).with("proc/self/cgroup", "0::/\n").quota());
  CHECK_FALSE(System()
                  .with("proc/self/mountinfo", kMountOf2)
                  .with("proc/self/cgroup", "0::/\n")
                  .with("sys/fs/cgroup/cpu.max", "max 100000\n")
                  .quota());
  CHECK_FALSE(System()
                  .with("proc/self/mountinfo", kMountsOf1)
                  .with("proc/self/cgroup", "4:cpu,cpuacct:/\n")
                  .with("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n")
                  .with("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n")
                  .quota());
  for (const char* nonsense : {"", "much\n", "50000\n", "0 0\n", "-5 100000\n"}) {
    INFO(nonsense);
    CHECK_FALSE(System()
                    .with("proc/self/mountinfo", kMountOf2)
                    .with("proc/self/cgroup", "0::/\n")
                    .with("sys/fs/cgroup/cpu.max", nonsense)
                    .quota());
  }
}

TEST_CASE("Version 2: the smallest of the group and those above it") {
  System system;
  system.with("proc/self/mountinfo", kMountOf2)
      .with("proc/self/cgroup", "0::/user.slice/job\n")
      .with("sys/fs/cgroup/user.slice/cpu.max", "150000 100000\n")
      .with("sys/fs/cgroup/user.slice/job/cpu.max", "max 100000\n");
  CHECK(system.quota() == 1.5);
  system.with("sys/fs/cgroup/user.slice/job/cpu.max", "25000 50000\n");
  CHECK(system.quota() == 0.5);
}

TEST_CASE("Version 2: in a container the mounted group is that of the container") {
  System system;
  system.with("proc/self/mountinfo", kMountOf2)
      .with("proc/self/cgroup", "0::/\n")
      .with("sys/fs/cgroup/cpu.max", "200000 100000\n");
  CHECK(system.quota() == 2);
}

TEST_CASE("Version 1: the group of the controller cpu, among others") {
  System system;
  system.with("proc/self/mountinfo", kMountsOf1)
      .with("proc/self/cgroup", "5:cpuset:/other\n4:cpu,cpuacct:/a/b\n0::/elsewhere\n")
      .with("sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us", "50000\n")
      .with("sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_period_us", "100000\n")
      .with("sys/fs/cgroup/cpuset/other/cpu.cfs_quota_us", "1\n")
      .with("sys/fs/cgroup/cpuset/other/cpu.cfs_period_us", "100000\n");
  CHECK(system.quota() == 0.5);
}

TEST_CASE("Version 1: a container that sees its own group only, and a mount point with a blank") {
  System system;
  system
      .with("proc/self/mountinfo",
            "32 29 0:28 /docker/0123 /sys/fs/my\\040groups ro master:6 - cgroup cgroup rw,cpu,cpuacct\n")
      .with("proc/self/cgroup", "4:cpu,cpuacct:/docker/0123\n")
      .with("sys/fs/my groups/cpu.cfs_quota_us", "300000\n")
      .with("sys/fs/my groups/cpu.cfs_period_us", "100000\n");
  CHECK(system.quota() == 3);
  system.with("proc/self/cgroup", "4:cpu,cpuacct:/docker/4567/elsewhere\n");  // of another namespace
  CHECK(system.quota() == 3);
}

TEST_CASE("The quota of another process is that of its groups") {
  System system;
  system.with("proc/self/mountinfo", kMountOf2)
      .with("proc/self/cgroup", "0::/a\n")
      .with("proc/77/cgroup", "0::/b\n")
      .with("sys/fs/cgroup/a/cpu.max", "100000 100000\n")
      .with("sys/fs/cgroup/b/cpu.max", "400000 100000\n");
  CHECK(system.quota() == 1);
  CHECK(system.quota(77) == 4);
  CHECK_FALSE(system.quota(78));
}

TEST_CASE("Threads that a quota is worth") {
  CHECK(threads_of_quota(0.1) == 1);
  CHECK(threads_of_quota(1) == 1);
  CHECK(threads_of_quota(1.5) == 2);
  CHECK(threads_of_quota(8) == 8);
  CHECK(threads_of_quota(1e300) >= 1024);
}

}  // namespace
}  // namespace canine
