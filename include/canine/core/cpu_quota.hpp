#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>

namespace canine {

/// Processor time that the control groups of a process allow (containers: `docker run --cpus`, limits of Kubernetes,
/// CPUQuota of systemd), in processors: 1.5 is 1.5 s of every second. The smallest of its group and those above it, of
/// version 1 (cpu.cfs_quota_us) and 2 (cpu.max); nullopt without a limit, or where nothing can be read.
///
/// `root` stands for "/", so that tests have a system of their own.
std::optional<double> cpu_quota(pid_t pid = 0, const std::filesystem::path& root = "/");

/// Threads that are worth starting on so much processor time: the next whole number, at least 1.
int threads_of_quota(double quota);

}  // namespace canine
