#include "environment.hpp"

#include <cctype>
#include <cstdlib>

namespace canine {

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  if (!value || *value == '\0') return std::nullopt;
  return value;
}

std::optional<std::filesystem::path> path_variable(const char* name) {
  const std::optional<std::string> text = variable(name);
  if (!text) return std::nullopt;
  const std::optional<std::string> home = variable("HOME");
  if (home && (*text == "~" || text->starts_with("~/"))) return *home + text->substr(1);
  return *text;
}

bool flag_variable(const char* name) {
  std::string text = variable(name).value_or("");
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text == "1" || text == "ON" || text == "YES" || text == "TRUE";
}

}  // namespace canine
