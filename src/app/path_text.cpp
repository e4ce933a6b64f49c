#include "canine/app/path_text.hpp"

#include <pwd.h>

#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string_view>

#include "canine/core/errors.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

/// Home folder of a user, "" = whoever runs the program.
std::optional<std::string> home_of(const std::string& user) {
  const char* home = user.empty() ? std::getenv("HOME") : nullptr;
  if (home != nullptr && *home != '\0') return home;
  const passwd* entry = user.empty() ? ::getpwuid(::geteuid()) : ::getpwnam(user.c_str());
  if (entry == nullptr || entry->pw_dir == nullptr || *entry->pw_dir == '\0') return std::nullopt;
  return entry->pw_dir;
}

std::string with_home(const std::string& text, const std::string& where) {
  if (!text.starts_with('~')) return text;
  const size_t end = std::min(text.find('/'), text.size());
  const std::string user = text.substr(1, end - 1);
  if (const auto home = home_of(user)) return *home + text.substr(end);
  if (!user.empty()) return text;  // a file may be called so
  throw UsageError("{} {}: the home folder is not known (HOME is not set); write the path out", where, text);
}

/// Position of the first thing that a shell would take for a variable.
size_t find_variable(std::string_view text) {
  for (size_t at = text.find('$'); at != std::string_view::npos; at = text.find('$', at + 1)) {
    const char next = at + 1 < text.size() ? text[at + 1] : ' ';
    if (std::isalnum(static_cast<unsigned char>(next)) != 0 || next == '_' || next == '{' || next == '(') return at;
  }
  return std::string_view::npos;
}

/// Whether the part of the path up to the last element with a variable is there as it is written.
bool is_literal(const std::string& text) {
  const size_t end = text.find('/', text.rfind('$'));
  std::error_code ignored;
  return fs::exists(fs::symlink_status(text.substr(0, end), ignored));
}

}  // namespace

std::string expanded_path(const std::string& text, const std::string& where) {
  std::string path = with_home(text, where);
  const size_t variable = find_variable(path);
  if (variable == std::string::npos || is_literal(path)) return path;
  throw UsageError(
      "{} {}: '{}' is a variable that no shell has replaced (it does so outside of single quotes only, and not in "
      "YAML); write the path out, or start it with ~/",
      where, text, path.substr(variable, path.find('/', variable) - variable));
}

}  // namespace canine
