#include "canine/launch/slurm_nodes.hpp"

#include <charconv>
#include <optional>

#include "canine/core/errors.hpp"

namespace canine {
namespace {

constexpr size_t kMostHosts = 65536;

[[noreturn]] void refuse(std::string_view list, const char* why) {
  throw UsageError("the Slurm list '{}' cannot be read: {} (expected something like node[01-03,07],gpu5 or 2(x3),1)",
                   list.substr(0, 200), why);
}

std::optional<int> number(std::string_view digits) {
  int value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size() || value < 0) return std::nullopt;
  return value;
}

/// Parts of `text` between commas; a comma within brackets separates nothing.
std::vector<std::string_view> split(std::string_view list, std::string_view text) {
  std::vector<std::string_view> parts;
  bool inside = false;
  size_t begin = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] == '[') {
      if (inside) refuse(list, "brackets within brackets");
      inside = true;
    } else if (i < text.size() && text[i] == ']') {
      if (!inside) refuse(list, "a bracket closes that never opened");
      inside = false;
    } else if (i == text.size() || (text[i] == ',' && !inside)) {
      if (i == begin) refuse(list, "an empty entry");
      parts.push_back(text.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  if (inside) refuse(list, "a bracket never closes");
  return parts;
}

/// "01-03,07" as 01, 02, 03, 07.
std::vector<std::string> expand_ranges(std::string_view list, std::string_view ranges) {
  std::vector<std::string> names;
  for (const std::string_view range : split(list, ranges)) {
    const size_t dash = range.find('-');
    const std::string_view low = range.substr(0, dash);
    const std::string_view high = dash == std::string_view::npos ? low : range.substr(dash + 1);
    const auto first = number(low);
    const auto last = number(high);
    if (!first || !last || *last < *first) refuse(list, "a range is not of the form 3 or 01-04");
    if (static_cast<size_t>(*last - *first) >= kMostHosts - names.size()) refuse(list, "more than 65536 hosts");
    for (int i = *first; i <= *last; ++i) names.push_back(fmt::format("{:0{}}", i, low.size()));
  }
  return names;
}

/// All names of one entry ("rack[0-1]n[0-3]").
std::vector<std::string> expand_entry(std::string_view list, std::string_view entry) {
  std::vector<std::string> names = {""};
  while (!entry.empty()) {
    const size_t open = entry.find('[');
    const std::string_view text = entry.substr(0, open);
    for (std::string& name : names) name += text;
    if (open == std::string_view::npos) break;
    const size_t close = entry.find(']', open);
    const std::vector<std::string> endings = expand_ranges(list, entry.substr(open + 1, close - open - 1));
    if (names.size() * endings.size() > kMostHosts) refuse(list, "more than 65536 hosts");
    std::vector<std::string> longer;
    longer.reserve(names.size() * endings.size());
    for (const std::string& name : names) {
      for (const std::string& ending : endings) longer.push_back(name + ending);
    }
    names = std::move(longer);
    entry.remove_prefix(close + 1);
  }
  return names;
}

}  // namespace

std::vector<std::string> expand_slurm_nodes(std::string_view list) {
  std::vector<std::string> hosts;
  for (const std::string_view entry : split(list, list)) {
    std::vector<std::string> names = expand_entry(list, entry);
    if (hosts.size() + names.size() > kMostHosts) refuse(list, "more than 65536 hosts");
    hosts.insert(hosts.end(), names.begin(), names.end());
  }
  return hosts;
}

std::vector<int> expand_slurm_counts(std::string_view list) {
  std::vector<int> counts;
  for (const std::string_view entry : split(list, list)) {
    const size_t open = entry.find("(x");
    std::optional<int> times = 1;
    if (open != std::string_view::npos) {
      if (entry.back() != ')') refuse(list, "a repetition is not of the form 2(x3)");
      times = number(entry.substr(open + 2, entry.size() - open - 3));
    }
    const auto count = number(entry.substr(0, open));
    if (!count || !times) refuse(list, "a count is not a whole number");
    if (static_cast<size_t>(*times) > kMostHosts - counts.size()) refuse(list, "more than 65536 hosts");
    counts.insert(counts.end(), static_cast<size_t>(*times), *count);
  }
  return counts;
}

}  // namespace canine
