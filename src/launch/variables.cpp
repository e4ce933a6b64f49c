#include "variables.hpp"

#include <charconv>
#include <string_view>

#include "canine/core/errors.hpp"

namespace canine {

namespace {

/// Without what files of variables leave around values: blanks, the CR of a line from Windows, quotes (docker's
/// --env-file keeps them).
std::string_view bare(std::string_view value) {
  constexpr std::string_view kBlanks = " \t\r\n\v\f";
  const size_t first = value.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return "";
  value = value.substr(first, value.find_last_not_of(kBlanks) - first + 1);
  const bool quoted =
      value.size() > 1 && value.front() == value.back() && (value.front() == '"' || value.front() == '\'');
  return quoted ? bare(value.substr(1, value.size() - 2)) : value;
}

}  // namespace

std::string Variables::text(const std::string& name) const {
  const auto found = environment_.find(name);
  return found == environment_.end() ? "" : std::string(bare(found->second));
}

int Variables::number(const std::string& name, int least) const {
  const std::string value = text(name);
  if (value.empty()) {
    throw UsageError(
        "{} is not set although other variables of its launcher are; start the program through the launcher, set {} "
        "too, or run a single process with --launcher single",
        name, name);
  }
  int number = 0;
  const char* end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data(), end, number);
  if (error != std::errc() || stop != end || number < least) {
    throw UsageError(
        "{}='{}' is not a whole number of at least {}; correct it, or unset it to run a single process, "
        "as --launcher single does",
        name, value.substr(0, 100), least);
  }
  return number;
}

std::optional<int> Variables::find_number(const std::string& name, int least) const {
  if (!has(name)) return std::nullopt;
  return number(name, least);
}

}  // namespace canine
