#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include "canine/core/host_name.hpp"
#include "canine/launch/launch_context.hpp"
#include "proc_stat.hpp"

namespace canine {
namespace {

constexpr std::array kRankVariables = {"RANK",      "OMPI_COMM_WORLD_RANK", "MV2_COMM_WORLD_RANK", "PMI_RANK",
                                       "PMIX_RANK", "SLURM_PROCID"};

/// Content of /proc/<pid>/<name>, "" where it cannot be read (another user's process, or gone).
std::string read_proc(int pid, const char* name) {
  std::ifstream file(fmt::format("/proc/{}/{}", pid, name), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// Process ids come again; together with the start time (clock ticks since the host started) they do not.
std::string identity_of(int pid) { return fmt::format("{}-{}", pid, ProcStat::of(pid).started_at); }

/// "NAME=value" of the rank variables that are set here.
std::vector<std::string> rank_entries() {
  std::vector<std::string> entries;
  for (const char* name : kRankVariables) {
    if (const char* value = std::getenv(name)) entries.push_back(fmt::format("{}={}", name, value));
  }
  return entries;
}

/// True if the process was started with all of `entries`: then it is a rank too, a script around this program.
bool was_given(int pid, const std::vector<std::string>& entries) {
  const std::string environment = '\0' + read_proc(pid, "environ");
  for (const std::string& entry : entries) {
    if (environment.find('\0' + entry + '\0') == std::string::npos) return false;
  }
  return !entries.empty();
}

int find_launcher() {
  const std::vector<std::string> entries = rank_entries();
  int pid = ::getppid();
  while (pid > 1 && was_given(pid, entries)) {
    const int parent = ProcStat::of(pid).parent;
    if (parent <= 0) break;
    pid = parent;
  }
  return pid;
}

}  // namespace

HostFacts host_facts() {
  HostFacts facts;
  facts.hostname = host_name();
  facts.user_id = static_cast<int>(::getuid());
  facts.launcher_pid = find_launcher();
  facts.launcher_process = identity_of(facts.launcher_pid);
  std::error_code error;
  facts.temporary_folder = std::filesystem::temp_directory_path(error);
  if (error) facts.temporary_folder = "/tmp";
  return facts;
}

}  // namespace canine
