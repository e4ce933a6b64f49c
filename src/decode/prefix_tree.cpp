#include "canine/decode/prefix_tree.hpp"

#include <algorithm>
#include <utility>

namespace canine {
namespace {

/// Sorted sequences [begin, end) that share the prefix of a node.
struct Range {
  size_t begin, end;
};

/// Of the sequences with tokens.
std::vector<int64_t> sorted_indices(const std::vector<std::vector<int64_t>>& sequences) {
  std::vector<int64_t> order;
  for (size_t i = 0; i < sequences.size(); ++i) {
    if (!sequences[i].empty()) order.push_back(static_cast<int64_t>(i));
  }
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return sequences[static_cast<size_t>(a)] < sequences[static_cast<size_t>(b)];
  });
  return order;
}

}  // namespace

PrefixTree::PrefixTree(const std::vector<std::vector<int64_t>>& sequences)
    : nodes_(1), num_sequences_(static_cast<int64_t>(sequences.size())) {
  const std::vector<int64_t> order = sorted_indices(sequences);
  const auto sequence = [&](size_t i) -> const auto& { return sequences[static_cast<size_t>(order[i])]; };

  std::vector<Range> level = {{0, order.size()}};
  size_t first_of_level = 0;
  for (size_t depth = 0; !level.empty(); ++depth) {
    std::vector<Range> next;
    int64_t inner = 0;
    for (size_t i = 0; i < level.size(); ++i) {
      auto [begin, end] = level[i];
      Node node = nodes_[first_of_level + i];
      for (; begin < end && sequence(begin).size() == depth; ++begin) node.sequence = order[begin];
      node.first_child = static_cast<int64_t>(nodes_.size());
      while (begin < end) {
        const int64_t token = sequence(begin)[depth];
        size_t last = begin;
        while (last < end && sequence(last)[depth] == token) ++last;
        nodes_.push_back({.token = token});
        next.push_back({begin, last});
        begin = last;
      }
      node.num_children = static_cast<int64_t>(nodes_.size()) - node.first_child;
      inner += node.num_children > 0;
      nodes_[first_of_level + i] = node;
    }
    if (!next.empty()) depth_ = static_cast<int64_t>(depth) + 1;
    inner_width_ = std::max(inner_width_, inner);
    first_of_level += level.size();
    level = std::move(next);
  }
}

}  // namespace canine
