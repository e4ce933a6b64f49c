#include "canine/decode/prefix_tree.hpp"

#include <catch2/catch_test_macros.hpp>
#include <random>
#include <set>
#include <vector>

namespace canine {
namespace {

using Sequences = std::vector<std::vector<int64_t>>;

/// Tokens from the root to each node that owns a sequence, by sequence; empty for those that own none.
void collect(const PrefixTree& tree, int64_t node, std::vector<int64_t>& path, Sequences& found) {
  const PrefixTree::Node& here = tree.node(node);
  if (here.sequence >= 0) found[static_cast<size_t>(here.sequence)] = path;
  for (int64_t child = here.first_child; child < here.first_child + here.num_children; ++child) {
    path.push_back(tree.node(child).token);
    collect(tree, child, path, found);
    path.pop_back();
  }
}

Sequences paths(const PrefixTree& tree) {
  Sequences found(static_cast<size_t>(tree.num_sequences()));
  std::vector<int64_t> path;
  collect(tree, 0, path, found);
  return found;
}

TEST_CASE("Sequences share what they begin with, and a level is a range of nodes") {
  const PrefixTree tree({{8, 9, 9}, {8, 9, 10}, {5, 5, 5}, {8, 11, 9}});
  CHECK(tree.num_sequences() == 4);
  CHECK(tree.num_edges() == 9);
  CHECK(tree.depth() == 3);
  CHECK(tree.inner_width() == 3);
  std::vector<int64_t> tokens;
  for (const auto& node : tree.nodes()) tokens.push_back(node.token);
  CHECK(tokens == std::vector<int64_t>{-1, 5, 8, 5, 9, 11, 5, 9, 10, 9});
  CHECK(paths(tree) == Sequences{{8, 9, 9}, {8, 9, 10}, {5, 5, 5}, {8, 11, 9}});
}

TEST_CASE("The last of equal sequences owns their node") {
  const PrefixTree tree({{1, 2}, {3, 4}, {1, 2}});
  CHECK(tree.num_edges() == 4);
  CHECK(paths(tree) == Sequences{{}, {3, 4}, {1, 2}});
}

TEST_CASE("A sequence may end where others go on") {
  const PrefixTree tree({{1, 2, 3}, {1}, {1, 2}});
  CHECK(tree.num_edges() == 3);
  CHECK(paths(tree) == Sequences{{1, 2, 3}, {1}, {1, 2}});
}

TEST_CASE("No sequences are a root, and a sequence without tokens owns nothing") {
  const PrefixTree none(Sequences{});
  CHECK(none.num_edges() == 0);
  CHECK(none.depth() == 0);
  const PrefixTree tree({{1}, {}});
  CHECK(tree.num_sequences() == 2);
  CHECK(tree.node(0).sequence == -1);
  CHECK(paths(tree) == Sequences{{1}, {}});
}

TEST_CASE("There is one edge for every different prefix") {
  std::mt19937 random(7);
  Sequences sequences(300);
  std::set<std::vector<int64_t>> prefixes, different;
  for (auto& sequence : sequences) {
    for (int i = 0; i < 5; ++i) {
      sequence.push_back(static_cast<int64_t>(random() % 4));
      prefixes.insert(sequence);
    }
    different.insert(sequence);
  }
  const PrefixTree tree(sequences);
  CHECK(tree.num_edges() == static_cast<int64_t>(prefixes.size()));
  size_t owners = 0;
  const Sequences found = paths(tree);
  for (size_t i = 0; i < found.size(); ++i) {
    if (found[i].empty()) continue;
    CHECK(found[i] == sequences[i]);
    ++owners;
  }
  CHECK(owners == different.size());
}

}  // namespace
}  // namespace canine
