#include "rank_agreement.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "canine/core/sha256.hpp"

namespace canine {
namespace {

std::vector<std::string> split_lines(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

bool all_equal(const std::vector<std::string>& values) {
  return std::all_of(values.begin(), values.end(), [&](const auto& value) { return value == values.front(); });
}

}  // namespace

std::string Disagreement::describe() const {
  std::vector<std::pair<std::string, std::vector<size_t>>> values;  // in order of the first rank that has them
  for (size_t rank = 0; rank < by_rank.size(); ++rank) {
    const auto known =
        std::find_if(values.begin(), values.end(), [&](const auto& value) { return value.first == by_rank[rank]; });
    if (known == values.end()) {
      values.push_back({by_rank[rank], {rank}});
    } else {
      known->second.push_back(rank);
    }
  }
  std::vector<std::string> parts;
  for (const auto& [value, ranks] : values) {
    parts.push_back(fmt::format("{} on rank{} {}", value.empty() ? "nothing" : value, ranks.size() > 1 ? "s" : "",
                                fmt::join(ranks, ", ")));
  }
  return fmt::format("{}", fmt::join(parts, "; "));
}

std::optional<Disagreement> find_disagreement(ProcessGroup& group, const std::vector<std::string>& lines,
                                              const std::string& what) {
  const std::string all = fmt::format("{}", fmt::join(lines, "\n"));
  if (all_equal(group.all_gather_text(sha256_of(all), what))) return std::nullopt;
  std::vector<std::vector<std::string>> ranks;
  for (const auto& text : group.all_gather_text(all, what)) ranks.push_back(split_lines(text));
  for (size_t line = 0;; ++line) {
    Disagreement found{line, {}};
    bool any = false;
    for (const auto& rank : ranks) {
      any = any || line < rank.size();
      found.by_rank.push_back(line < rank.size() ? rank[line] : "");
    }
    if (!any) return std::nullopt;
    if (!all_equal(found.by_rank)) return found;
  }
}

}  // namespace canine
