#include "canine/app/library_path.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <vector>

#include "canine/core/log.hpp"

namespace canine {
namespace {

constexpr const char* kVariable = "LD_LIBRARY_PATH";

/// The arguments that this process was started with, each with its closing NUL.
std::string own_arguments() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void start_anew() {
  std::string arguments = own_arguments();
  std::vector<char*> list;
  for (size_t at = 0; at < arguments.size(); at = arguments.find('\0', at) + 1) list.push_back(arguments.data() + at);
  list.push_back(nullptr);
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error && list.size() > 1) ::execv(program.c_str(), list.data());
}

}  // namespace

std::optional<std::string> without_empty_entries(std::string_view library_path) {
  if (library_path.empty()) return std::nullopt;  // is no path at all to the loader
  std::string kept;
  bool found = false;
  for (size_t at = 0; at <= library_path.size();) {
    const size_t end = std::min(library_path.find_first_of(":;", at), library_path.size());
    const std::string_view entry = library_path.substr(at, end - at);
    found = found || entry.empty();
    if (!entry.empty()) kept.append(kept.empty() ? "" : ":").append(entry);
    at = end + 1;
  }
  return found ? std::optional(kept) : std::nullopt;
}

void leave_current_folder_out_of_library_path() {
  const char* value = ::getenv(kVariable);
  const auto kept = without_empty_entries(value == nullptr ? "" : value);
  if (!kept) return;
  if (kept->empty()) {
    ::unsetenv(kVariable);
  } else {
    ::setenv(kVariable, kept->c_str(), 1);
  }
  start_anew();
  log_warning(
      "{} has an empty entry, which means the current folder to the loader, and the program could not be started anew "
      "without it; set it without ':' at its ends",
      kVariable);
}

}  // namespace canine
