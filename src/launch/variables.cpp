#include "variables.hpp"

#include <charconv>

#include "canine/core/errors.hpp"

namespace canine {

std::string Variables::text(const std::string& name) const {
  const auto found = environment_.find(name);
  return found == environment_.end() ? "" : found->second;
}

int Variables::number(const std::string& name, int least) const {
  const std::string value = text(name);
  if (value.empty()) {
    throw UsageError(
        "{} is not set although other variables of its launcher are; start the program through the "
        "launcher, or set {} too",
        name, name);
  }
  int number = 0;
  const char* end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data(), end, number);
  if (error != std::errc() || stop != end || number < least) {
    throw UsageError("{}='{}' is not a whole number of at least {}; correct it, or unset it to run a single process",
                     name, value.substr(0, 100), least);
  }
  return number;
}

std::optional<int> Variables::find_number(const std::string& name, int least) const {
  if (!has(name)) return std::nullopt;
  return number(name, least);
}

}  // namespace canine
