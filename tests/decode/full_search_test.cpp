#include "canine/decode/full_search.hpp"

#include <ATen/ATen.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/data/code_system.hpp"
#include "canine/decode/first_blocks.hpp"
#include "canine/decode/greedy.hpp"
#include "canine/optim/autocast.hpp"
#include "decode/tiny_batch.hpp"

namespace canine {
namespace {

using test::max_difference;
using test::tiny_mixer;
using test::tiny_options;
using test::TinyBatch;

using Sequences = std::vector<std::vector<int64_t>>;

/// 60 codes of five tokens out of a few, so that they share prefixes, and one that is there twice.
Sequences some_codes() {
  std::mt19937 random(3);
  Sequences codes(60, std::vector<int64_t>(5));
  for (auto& code : codes) {
    for (auto& token : code) token = 1004 + static_cast<int64_t>(random() % 4);
  }
  codes.push_back(codes.front());
  return codes;
}

/// The Python program's way: depth first, the decoder over the whole prefix for every edge.
void follow(Mixer& mixer, const at::Tensor& memory, const at::Tensor& mask, const PrefixTree& tree, int64_t node,
            const at::Tensor& prefix, const at::Tensor& probability, at::Tensor& result) {
  const PrefixTree::Node& here = tree.node(node);
  if (here.sequence >= 0) result.select(1, here.sequence).copy_(probability);
  for (int64_t child = here.first_child; child < here.first_child + here.num_children; ++child) {
    const int64_t token = tree.node(child).token;
    const at::Tensor logits = mixer->decoder().forward(prefix, memory, mask, PadBonus::kNone);
    const at::Tensor chance = at::softmax(logits.select(1, prefix.size(1) - 1), -1).select(1, token);
    const at::Tensor longer = at::cat({prefix, at::full({prefix.size(0), 1}, token, at::kLong)}, 1);
    follow(mixer, memory, mask, tree, child, longer, probability * chance, result);
  }
}

at::Tensor search_edge_by_edge(Mixer& mixer, const TinyBatch& batch, const PrefixTree& tree) {
  const at::NoGradGuard no_grad;
  const int64_t rows = batch.ids.size(0);
  const EncoderOutput encoded = mixer->encode(batch.ids, batch.mask);
  at::Tensor result = at::zeros({rows, tree.num_sequences()});
  follow(mixer, encoded.memory, mixer->memory_mask(batch.mask), tree, 0, at::full({rows, 1}, 2, at::kLong),
         at::ones({rows}), result);
  return result;
}

/// Largest difference, as a share of the larger value.
double relative_difference(const at::Tensor& a, const at::Tensor& b) {
  REQUIRE(a.sizes() == b.sizes());
  return ((a - b).abs() / at::maximum(a, b).clamp_min(1e-30)).max().item<double>();
}

TEST_CASE("Full search equals a depth-first search with one call of the decoder per edge") {
  MixerOptions options = tiny_options();
  options.attention = GENERATE(Attention::kEager, Attention::kSdpa);
  options.mask_memory_padding = GENERATE(false, true);
  CAPTURE(options.attention, options.mask_memory_padding);
  Mixer mixer = tiny_mixer(options, "trained.safetensors");
  const TinyBatch batch;
  const PrefixTree tree(some_codes());
  const at::Tensor expected = search_edge_by_edge(mixer, batch, tree);
  REQUIRE(expected.max().item<double>() > 0);
  // Few positions at once cut levels into pieces of one, two and more prefixes and rows into groups.
  for (const int64_t max_positions : {1, 8, 12, 64, 2048}) {
    CAPTURE(max_positions);
    const at::Tensor result = full_search(*mixer, batch.ids, batch.mask, tree, {max_positions});
    CHECK(relative_difference(result, expected) <= 1e-4);
  }
}

TEST_CASE("Codes of different lengths are found, and of equal ones the last") {
  Mixer mixer = tiny_mixer(tiny_options(), "trained.safetensors");
  const TinyBatch batch;
  const PrefixTree tree({{1010, 1005}, {1010}, {1011}, {1010, 1005}});
  const at::Tensor result = full_search(*mixer, batch.ids, batch.mask, tree);
  CHECK(relative_difference(result, search_edge_by_edge(mixer, batch, tree)) <= 1e-4);
  CHECK(result.select(1, 0).eq(0).all().item<bool>());
  CHECK(result.select(1, 3).gt(0).all().item<bool>());
  CHECK(result.select(1, 3).le(result.select(1, 1)).all().item<bool>());
}

TEST_CASE("A search through all of HISCO gives single codes the probabilities of a literal search for them") {
  const CodeSystem hisco({.formatter = {.kind = FormatterKind::kHisco}});
  std::vector<std::optional<std::string>> cells;
  for (int64_t i = 0; i < hisco.num_classes(); ++i) cells.push_back(hisco.cell(i));
  const Sequences blocks = first_blocks(*hisco.formatter(), cells);
  MixerOptions options = tiny_options();
  options.vocabulary_size = hisco.formatter()->vocabulary_size();
  options.num_classes = hisco.num_classes();
  at::manual_seed(5);
  Mixer mixer(options);
  mixer->eval();
  const TinyBatch batch;
  const at::Tensor result = full_search(*mixer, batch.ids, batch.mask, PrefixTree(blocks));
  REQUIRE(result.sizes().vec() == std::vector<int64_t>{8, 1919});
  CHECK(result.gt(0).all().item<bool>());
  CHECK(result.sum(1).le(1.0 + 1e-5).all().item<bool>());

  Sequences few;
  std::vector<int64_t> classes;
  for (const char* code : {"-3", "-2", "-1", "01110", "01120", "61110", "99910"}) {
    CAPTURE(code);
    classes.push_back(hisco.find(code));
    REQUIRE(classes.back() >= 0);
    few.push_back(blocks[static_cast<size_t>(classes.back())]);
  }
  const at::Tensor expected = search_edge_by_edge(mixer, batch, PrefixTree(few));
  CHECK(relative_difference(result.index_select(1, at::tensor(classes)), expected) <= 1e-4);
}

TEST_CASE("All tokens together have probability 1, and the greedy first token is the likeliest") {
  Mixer mixer = tiny_mixer(tiny_options(), "trained.safetensors");
  const TinyBatch batch;
  Sequences tokens;
  for (int64_t token = 0; token < 2087; ++token) tokens.push_back({token});
  const at::Tensor result = full_search(*mixer, batch.ids, batch.mask, PrefixTree(tokens));
  CHECK(max_difference(result.sum(1), at::ones({8})) <= 1e-5);
  const GreedyResult greedy = greedy_decode(*mixer, batch.ids, batch.mask, 2);
  CHECK(result.argmax(1).equal(greedy.tokens.select(1, 1)));
  CHECK(max_difference(std::get<0>(result.max(1)), greedy.probabilities.select(1, 1)) <= 1e-5);
}

TEST_CASE("Full search under bfloat16 autocast stays near float32") {
  Mixer mixer = tiny_mixer(tiny_options(), "trained.safetensors");
  const TinyBatch batch;
  const PrefixTree tree({{1010}, {1009}, {1008}, {1005}});
  const at::Tensor exact = full_search(*mixer, batch.ids, batch.mask, tree);
  const AutocastGuard autocast(c10::DeviceType::CPU, at::kBFloat16);
  const at::Tensor result = full_search(*mixer, batch.ids, batch.mask, tree);
  CHECK(result.scalar_type() == at::kFloat);
  CHECK(max_difference(result, exact) <= 0.05);
}

TEST_CASE("Codes that the model cannot write are refused") {
  Mixer mixer = tiny_mixer();
  const TinyBatch batch;
  const auto search = [&](const Sequences& codes, const SearchOptions& options = {}) {
    return full_search(*mixer, batch.ids, batch.mask, PrefixTree(codes), options);
  };
  CHECK_THROWS_AS(search({{2087}}), UsageError);
  CHECK_THROWS_AS(search({{-1}}), UsageError);
  CHECK_THROWS_AS(search({std::vector<int64_t>(129, 5)}), UsageError);
  CHECK_THROWS_AS(search({{5}}, {0}), UsageError);
  CHECK(search({}).sizes().vec() == std::vector<int64_t>{8, 0});
}

}  // namespace
}  // namespace canine
