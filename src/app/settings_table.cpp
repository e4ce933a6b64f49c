#include "canine/app/settings_table.hpp"

#include "canine/core/readable.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace canine {
namespace {

constexpr size_t kWidestValue = 40;  // longer values push their meaning aside

std::string value_text(const Option& option) {
  const OptionValue value = option.value();
  if (value == OptionValue()) return "-";
  if (value == OptionValue(true)) return "yes";
  if (value == OptionValue(false)) return "no";
  return to_text(value);
}

}  // namespace

std::string settings_table(const OptionSet& options, const std::map<std::string, std::string>& meanings,
                           const std::vector<std::pair<std::string, std::string>>& sizes) {
  size_t name_width = 0;
  size_t value_width = 0;
  for (const Option& option : options.options()) {
    if (option.is_command_line_only()) continue;
    name_width = std::max(name_width, option.name().size());
    if (const size_t width = value_text(option).size(); width <= kWidestValue)
      value_width = std::max(value_width, width);
  }
  std::string text;
  std::string heading;
  for (const Option& option : options.options()) {
    if (option.is_command_line_only()) continue;
    if (option.section() != heading) {
      heading = option.section();
      fmt::format_to(std::back_inserter(text), "{}{}", text.empty() ? "" : "\n", heading);
    }
    const auto meaning = meanings.find(option.name());
    std::string line =
        fmt::format("\n {} {:<{}}  {:<{}}  {}", option.origin() == Origin::kDefault ? ' ' : '*', option.name(),
                    name_width, value_text(option), value_width, meaning == meanings.end() ? "" : meaning->second);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line;
  }
  text += "\nThis run";
  for (const auto& [name, size] : sizes)
    fmt::format_to(std::back_inserter(text), "\n   {:<{}}  {}", name, name_width, size);
  return text;
}

std::string format_bytes(double bytes) {
  constexpr const char* kUnits[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  while (bytes >= 1024 && unit + 1 < std::size(kUnits)) {
    bytes /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{:.0f} bytes", bytes) : fmt::format("{:.2f} {}", bytes, kUnits[unit]);
}

}  // namespace canine
