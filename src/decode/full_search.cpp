#include "canine/decode/full_search.hpp"

#include <ATen/ops/ones.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <span>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/model/decoder.hpp"
#include "canine/model/evaluation_mode.hpp"
#include "canine/text/formatter.hpp"

namespace canine {
namespace {

constexpr int64_t kMinRows = 4;  ///< searched together, so that the narrow levels near the root are not too small a job

/// Prefixes of one level that have continuations.
struct Frontier {
  std::vector<int64_t> nodes;    ///< of the tree, N
  std::vector<int64_t> parents;  ///< place of each one's parent in the step before
  at::Tensor probabilities;      ///< [B, N], of the whole prefix
};

/// The search for a few rows.
class Search {
 public:
  /// result [B, sequences], zeros.
  Search(MixerDecoderImpl& decoder, const PrefixTree& tree, const DecoderMemory& memory, const at::Tensor& result,
         int64_t prefixes_at_once)
      : decoder_(decoder), tree_(tree), memory_(memory), result_(result), prefixes_at_once_(prefixes_at_once) {}

  void run() {
    if (tree_.num_edges() == 0) return;
    follow({{0}, {0}, at::ones({result_.size(0), 1}, result_.options())}, 0, {});
  }

 private:
  /// From prefixes of `position` tokens after BOS to all leaves; `before` is the cache of their parents.
  void follow(const Frontier& frontier, int64_t position, const PrefixCache& before) {
    const auto count = static_cast<int64_t>(frontier.nodes.size());
    const int64_t pieces = (count + prefixes_at_once_ - 1) / prefixes_at_once_;
    for (int64_t piece = 0; piece < pieces; ++piece) {
      const int64_t begin = count * piece / pieces;
      const int64_t size = count * (piece + 1) / pieces - begin;
      follow_piece(frontier, begin, size, position, before);
    }
  }

  void follow_piece(const Frontier& frontier, int64_t begin, int64_t size, int64_t position,
                    const PrefixCache& before) {
    const std::span nodes = std::span(frontier.nodes).subspan(static_cast<size_t>(begin), static_cast<size_t>(size));
    const std::span parents =
        std::span(frontier.parents).subspan(static_cast<size_t>(begin), static_cast<size_t>(size));
    std::vector<int64_t> tokens;
    for (const int64_t node : nodes) tokens.push_back(position == 0 ? LabelIndex::kBos : tree_.node(node).token);
    const auto [logits, cache] = decoder_.step_prefixes(indices(tokens), indices(parents), position, memory_, before);
    const Frontier next = children(nodes, frontier.probabilities.narrow(1, begin, size), logits);
    if (!next.nodes.empty()) follow(next, position + 1, cache);
  }

  /// Writes the probabilities of the children that end a sequence; returns those that have children.
  Frontier children(std::span<const int64_t> nodes, const at::Tensor& probabilities, const at::Tensor& logits) {
    const int64_t vocabulary = logits.size(2);
    std::vector<int64_t> parents, edges;          // of all children: place of the parent, place in its softmax
    std::vector<int64_t> ends, sequences, inner;  // places among the children
    Frontier next;
    for (size_t i = 0; i < nodes.size(); ++i) {
      const PrefixTree::Node& parent = tree_.node(nodes[i]);
      for (int64_t child = parent.first_child; child < parent.first_child + parent.num_children; ++child) {
        const PrefixTree::Node& node = tree_.node(child);
        const auto place = static_cast<int64_t>(parents.size());
        parents.push_back(static_cast<int64_t>(i));
        edges.push_back(static_cast<int64_t>(i) * vocabulary + node.token);
        if (node.sequence >= 0) {
          ends.push_back(place);
          sequences.push_back(node.sequence);
        }
        if (node.num_children > 0) {
          inner.push_back(place);
          next.nodes.push_back(child);
          next.parents.push_back(static_cast<int64_t>(i));
        }
      }
    }
    const at::Tensor chances = at::softmax(logits, -1, at::kFloat).flatten(1).index_select(1, indices(edges));
    const at::Tensor of_children = chances * probabilities.index_select(1, indices(parents));
    if (!ends.empty()) result_.index_copy_(1, indices(sequences), of_children.index_select(1, indices(ends)));
    next.probabilities = of_children.index_select(1, indices(inner));
    return next;
  }

  at::Tensor indices(std::span<const int64_t> values) const {
    return at::tensor(at::IntArrayRef(values.data(), values.size()), result_.options().dtype(at::kLong));
  }

  MixerDecoderImpl& decoder_;
  const PrefixTree& tree_;
  const DecoderMemory& memory_;
  at::Tensor result_;
  int64_t prefixes_at_once_;
};

void require_searchable(const PrefixTree& tree, const MixerOptions& model, const SearchOptions& options) {
  if (options.max_positions < 1) {
    throw UsageError("a full search needs at least 1 position at once, not {}", options.max_positions);
  }
  if (tree.depth() > model.decoder_positions) {
    throw UsageError("codes of up to {} tokens can be searched for, not of {}", model.decoder_positions, tree.depth());
  }
  for (const PrefixTree::Node& node : std::span(tree.nodes()).subspan(1)) {
    if (node.token < 0 || node.token >= model.vocabulary_size) {
      throw UsageError(
          "a code to search for holds token {}, but the model's vocabulary has {}; the codes are not those of the "
          "model",
          node.token, model.vocabulary_size);
    }
  }
}

}  // namespace

at::Tensor full_search(MixerImpl& mixer, const at::Tensor& input_ids, const at::Tensor& attention_mask,
                       const PrefixTree& tree, const SearchOptions& options) {
  require_searchable(tree, mixer.options(), options);
  const EvaluationMode evaluation(mixer);
  const at::Tensor memory = mixer.encode(input_ids, attention_mask).memory;
  const int64_t rows = input_ids.size(0);
  const at::Tensor result = at::zeros({rows, tree.num_sequences()}, memory.options().dtype(at::kFloat));
  const int64_t width = std::max<int64_t>(1, tree.inner_width());
  const int64_t rows_at_once = std::max(kMinRows, options.max_positions / width);
  for (int64_t begin = 0; begin < rows; begin += rows_at_once) {
    const int64_t count = std::min(rows_at_once, rows - begin);
    const DecoderMemory read =
        mixer.decoder().read(memory.narrow(0, begin, count), mixer.memory_mask(attention_mask.narrow(0, begin, count)));
    Search(mixer.decoder(), tree, read, result.narrow(0, begin, count),
           std::max<int64_t>(1, options.max_positions / count))
        .run();
  }
  return result;
}

}  // namespace canine
