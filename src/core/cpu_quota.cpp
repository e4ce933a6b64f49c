#include "canine/core/cpu_quota.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace canine {
namespace {

namespace fs = std::filesystem;

/// A mounted tree of control groups that limits processor time.
struct Hierarchy {
  int version = 2;
  std::string mounted_root;  ///< the group that is seen at `mount_point`
  fs::path mount_point;
};

/// Group of a process in each version, as /proc/<pid>/cgroup names it: relative to the root of its namespace.
struct Groups {
  std::optional<std::string> version_1;
  std::optional<std::string> version_2;
};

bool contains_word(const std::string& list, std::string_view word) {
  std::istringstream words(list);
  for (std::string one; std::getline(words, one, ',');) {
    if (one == word) return true;
  }
  return false;
}

/// Blanks in names are "\040" there.
std::string unescaped(const std::string& text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 3 >= text.size()) {
      plain += text[i];
      continue;
    }
    plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
    i += 3;
  }
  return plain;
}

/// "36 35 98:0 /root /mount/point rw,noatime master:1 - cgroup2 cgroup rw,cpu"
std::vector<Hierarchy> hierarchies(const fs::path& mountinfo) {
  std::vector<Hierarchy> found;
  std::ifstream file(mountinfo);
  for (std::string line; std::getline(file, line);) {
    const size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    std::string skipped, root, point, kind, source, options;
    std::istringstream(line) >> skipped >> skipped >> skipped >> root >> point;
    std::istringstream(line.substr(dash + 3)) >> kind >> source >> options;
    if (kind != "cgroup2" && !(kind == "cgroup" && contains_word(options, "cpu"))) continue;
    found.push_back({kind == "cgroup2" ? 2 : 1, unescaped(root), unescaped(point)});
  }
  return found;
}

/// Lines "4:cpu,cpuacct:/group" and "0::/group".
Groups groups_of(const fs::path& cgroup) {
  Groups groups;
  std::ifstream file(cgroup);
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (controllers.empty()) groups.version_2 = line.substr(second + 1);
    if (contains_word(controllers, "cpu")) groups.version_1 = line.substr(second + 1);
  }
  return groups;
}

std::optional<double> quota_of(double quota, double period) {
  if (quota <= 0 || period <= 0) return std::nullopt;
  return quota / period;
}

/// Limit of the group of this folder alone.
std::optional<double> own_quota(const fs::path& folder, int version) {
  double quota = 0;
  double period = 0;
  if (version == 2) {
    std::ifstream file(folder / "cpu.max");  // "50000 100000", or "max 100000", which is no number
    if (!(file >> quota >> period)) return std::nullopt;
    return quota_of(quota, period);
  }
  std::ifstream(folder / "cpu.cfs_quota_us") >> quota;  // -1 = none
  std::ifstream(folder / "cpu.cfs_period_us") >> period;
  return quota_of(quota, period);
}

/// Path of `group` below what is mounted. A group that is not there (the mount is that of another namespace) may be
/// anywhere, so the mounted one stands in for it.
fs::path below(const std::string& mounted_root, const std::string& group) {
  const fs::path relative = fs::path(group).lexically_relative(mounted_root);
  return relative.empty() || *relative.begin() == ".." ? fs::path(".") : relative;
}

std::optional<double> smaller(std::optional<double> left, std::optional<double> right) {
  if (!left || !right) return left ? left : right;
  return std::min(*left, *right);
}

}  // namespace

std::optional<double> cpu_quota(pid_t pid, const fs::path& root) {
  const fs::path process = root / "proc" / (pid == 0 ? "self" : std::to_string(pid));
  const Groups groups = groups_of(process / "cgroup");
  std::optional<double> least;
  for (const Hierarchy& tree : hierarchies(root / "proc" / "self" / "mountinfo")) {
    const std::optional<std::string>& group = tree.version == 2 ? groups.version_2 : groups.version_1;
    if (!group) continue;
    fs::path folder = root / tree.mount_point.relative_path();
    least = smaller(least, own_quota(folder, tree.version));
    for (const fs::path& part : below(tree.mounted_root, *group)) {
      folder /= part;
      least = smaller(least, own_quota(folder, tree.version));
    }
  }
  return least;
}

int threads_of_quota(double quota) { return std::max(1, static_cast<int>(std::min(std::ceil(quota), 1e6))); }

}  // namespace canine
