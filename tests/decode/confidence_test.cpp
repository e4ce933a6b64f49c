#include "canine/decode/confidence.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <set>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/model/evaluation_mode.hpp"
#include "canine/text/general_formatter.hpp"
#include "decode/tiny_batch.hpp"

namespace canine {
namespace {

using test::max_difference;
using test::tiny_mixer;
using test::tiny_options;
using test::TinyBatch;

using Sequence = std::vector<int64_t>;

/// A result as if the model had written `sequences` for the first rows of the batch.
GreedyResult written(Mixer& mixer, const TinyBatch& batch, const std::vector<Sequence>& sequences) {
  const EvaluationMode evaluation(*mixer);
  const auto rows = static_cast<int64_t>(sequences.size());
  const auto length = static_cast<int64_t>(sequences.front().size());
  std::vector<at::Tensor> all;
  for (const auto& sequence : sequences) all.push_back(at::tensor(sequence));
  GreedyResult result;
  result.tokens = at::stack(all);
  const at::Tensor mask = batch.mask.narrow(0, 0, rows);
  const at::Tensor memory = mixer->encode(batch.ids.narrow(0, 0, rows), mask).memory;
  result.memory = mixer->decoder().read(memory, mixer->memory_mask(mask));
  DecoderCache cache = mixer->decoder().start(memory, mixer->memory_mask(mask), length - 1);
  result.probabilities = at::ones({rows, length});
  for (int64_t i = 0; i + 1 < length; ++i) {
    const at::Tensor chances = at::softmax(mixer->decoder().step(result.tokens.select(1, i), i, cache), -1);
    result.probabilities.select(1, i + 1).copy_(chances.gather(1, result.tokens.narrow(1, i + 1, 1)).squeeze(1));
  }
  return result;
}

/// Product along the sequence for one row, position by position.
double probability(Mixer& mixer, const TinyBatch& batch, const Sequence& sequence) {
  return sequence_confidence(written(mixer, batch, {sequence})).item<double>();
}

void check_near(double value, double expected) { CHECK(std::abs(value - expected) <= 1e-4 * expected); }

TEST_CASE("The confidence of a sequence is the product over all its positions") {
  Mixer mixer = tiny_mixer(tiny_options(), "trained.safetensors");
  const TinyBatch batch;
  const GreedyResult result = greedy_decode(*mixer, batch.ids, batch.mask, 12);
  const at::Tensor confidence = sequence_confidence(result);
  for (int64_t row = 0; row < 8; ++row) {
    double product = 1;
    for (int64_t i = 0; i < 12; ++i) product *= result.probabilities[row][i].item<double>();
    check_near(confidence[row].item<double>(), product);
  }
}

TEST_CASE("With two codes the other order is added, the rest of the sequence stays") {
  MixerOptions options = tiny_options();
  options.mask_memory_padding = GENERATE(false, true);
  Mixer mixer = tiny_mixer(options, "trained.safetensors");
  const TinyBatch batch;
  const GeneralFormatter formatter(2, 5, false);
  const GreedyResult result = greedy_decode(*mixer, batch.ids, batch.mask, 12);
  const at::Tensor plain = sequence_confidence(result);
  const at::Tensor confidence = order_invariant_confidence(*mixer, result, formatter);
  int64_t with_two = 0;
  for (int64_t row = 0; row < 8; ++row) {
    CAPTURE(row);
    const auto* first = result.tokens.const_data_ptr<int64_t>() + row * 12;
    const Sequence sequence(first, first + 12);
    double expected = plain[row].item<double>();
    if (formatter.decode(sequence).find('&') != std::string::npos) {
      Sequence other = sequence;
      std::rotate(other.begin() + 1, other.begin() + 6, other.begin() + 11);
      TinyBatch alone = batch;
      alone.ids = batch.ids.narrow(0, row, 1);
      alone.mask = batch.mask.narrow(0, row, 1);
      expected += probability(mixer, alone, other);
      ++with_two;
    }
    check_near(confidence[row].item<double>(), expected);
  }
  if (!options.mask_memory_padding) CHECK(with_two == 1);
}

TEST_CASE("With three codes all six orders are added, also around an unused block, and equal codes once") {
  Mixer mixer = tiny_mixer(tiny_options(), "trained.safetensors");
  const TinyBatch batch;
  const GeneralFormatter formatter(4, 2, false);
  // Four blocks of two: three codes with an unused block among them; two equal codes and another.
  const std::vector<Sequence> sequences = {{2, 1005, 1006, 1, 1, 1007, 1008, 1009, 3, 3},
                                           {2, 1005, 1006, 1005, 1006, 1007, 1008, 1, 1, 3}};
  const std::vector<std::vector<size_t>> filled = {{0, 2, 3}, {0, 1, 2}};
  GreedyResult result = written(mixer, batch, sequences);
  const at::Tensor confidence = order_invariant_confidence(*mixer, result, formatter);
  for (size_t row = 0; row < sequences.size(); ++row) {
    CAPTURE(row);
    std::set<Sequence> orders;
    std::vector<size_t> order = filled[row];
    do {
      Sequence other = sequences[row];
      for (size_t i = 0; i < order.size(); ++i) {
        for (size_t t = 0; t < 2; ++t) other[1 + 2 * filled[row][i] + t] = sequences[row][1 + 2 * order[i] + t];
      }
      orders.insert(other);
    } while (std::next_permutation(order.begin(), order.end()));
    CHECK(orders.size() == (row == 0 ? 6 : 3));
    TinyBatch alone = batch;
    alone.ids = batch.ids.narrow(0, static_cast<int64_t>(row), 1);
    alone.mask = batch.mask.narrow(0, static_cast<int64_t>(row), 1);
    double expected = 0;
    for (const auto& other : orders) expected += probability(mixer, alone, other);
    check_near(confidence[static_cast<int64_t>(row)].item<double>(), expected);
  }
}

TEST_CASE("The value does not depend on the order in which the codes were written") {
  Mixer mixer = tiny_mixer(tiny_options(), "trained.safetensors");
  TinyBatch batch;
  batch.ids = batch.ids.narrow(0, 0, 1).expand({2, 128});
  batch.mask = batch.mask.narrow(0, 0, 1).expand({2, 128});
  const GreedyResult result =
      written(mixer, batch,
              {{2, 1005, 1006, 1007, 1008, 1009, 1010, 1, 1, 3}, {2, 1009, 1010, 1005, 1006, 1007, 1008, 1, 1, 3}});
  const at::Tensor confidence = order_invariant_confidence(*mixer, result, GeneralFormatter(4, 2, false));
  check_near(confidence[0].item<double>(), confidence[1].item<double>());
  CHECK(sequence_confidence(result)[0].item<double>() != sequence_confidence(result)[1].item<double>());
}

TEST_CASE("Rows of one code, of none and of more than five keep the product") {
  Mixer mixer = tiny_mixer();
  const TinyBatch batch;
  const GreedyResult result =
      written(mixer, batch,
              {{2, 1005, 1, 1, 1, 1, 1, 3}, {2, 1, 1, 1, 1, 1, 1, 3}, {2, 1005, 1006, 1007, 1008, 1009, 1010, 3}});
  CHECK(order_invariant_confidence(*mixer, result, GeneralFormatter(6, 1, false)).equal(sequence_confidence(result)));
}

TEST_CASE("A formatter of another length is refused") {
  Mixer mixer = tiny_mixer();
  const TinyBatch batch;
  const GreedyResult result = greedy_decode(*mixer, batch.ids, batch.mask, 12);
  CHECK_THROWS_AS(order_invariant_confidence(*mixer, result, GeneralFormatter(3, 5, false)), InternalError);
}

}  // namespace
}  // namespace canine
