#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace canine {

/// Trie of token sequences: what several of them begin with is one path from the root. Nodes are in breadth-first
/// order, so a level is a range of nodes, and so are the children of a node and those of neighbouring nodes of a level.
/// Knows nothing of codes or models.
class PrefixTree {
 public:
  struct Node {
    int64_t token = -1;        ///< last token of the prefix; the root, node 0, has none
    int64_t first_child = 0;   ///< index of the first one; the others follow it, in order of their tokens
    int64_t num_children = 0;  ///< 0 = leaf
    int64_t sequence = -1;     ///< index of the sequence that ends here, -1 = none
  };

  /// Of equal sequences the last one owns the node, as in the Python program; the others have none. Nor has a sequence
  /// without tokens.
  explicit PrefixTree(const std::vector<std::vector<int64_t>>& sequences);

  const std::vector<Node>& nodes() const { return nodes_; }
  const Node& node(int64_t index) const { return nodes_[static_cast<size_t>(index)]; }
  int64_t num_sequences() const { return num_sequences_; }
  int64_t num_edges() const { return static_cast<int64_t>(nodes_.size()) - 1; }

  /// Tokens of the longest sequence.
  int64_t depth() const { return depth_; }

  /// Most nodes with children on one level.
  int64_t inner_width() const { return inner_width_; }

 private:
  std::vector<Node> nodes_;
  int64_t num_sequences_;
  int64_t depth_ = 0;
  int64_t inner_width_ = 0;
};

}  // namespace canine
