#include "canine/decode/greedy.hpp"

#include <ATen/ATen.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/decode/flat.hpp"
#include "canine/model/decoder.hpp"
#include "canine/model/encoder.hpp"
#include "canine/optim/autocast.hpp"
#include "decode/tiny_batch.hpp"

namespace canine {
namespace {

using test::max_difference;
using test::tiny_mixer;
using test::tiny_options;
using test::TinyBatch;

constexpr int64_t kLength = 12;

/// Rows of numbers in JSON as a tensor.
template <typename Number>
at::Tensor rows(const nlohmann::json& json) {
  std::vector<at::Tensor> result;
  for (const auto& row : json) result.push_back(at::tensor(row.get<std::vector<Number>>()));
  return at::stack(result);
}

/// The Python program's way: the decoder over the whole prefix for every position, without padding term.
at::Tensor decode_without_cache(Mixer& mixer, const TinyBatch& batch) {
  const at::NoGradGuard no_grad;
  const EncoderOutput encoded = mixer->encode(batch.ids, batch.mask);
  at::Tensor tokens = at::full({batch.ids.size(0), 1}, 2, at::kLong);
  std::vector<at::Tensor> logits;
  for (int64_t position = 0; position + 1 < kLength; ++position) {
    const at::Tensor all =
        mixer->decoder().forward(tokens, encoded.memory, mixer->memory_mask(batch.mask), PadBonus::kNone);
    logits.push_back(all.select(1, position));
    tokens = at::cat({tokens, logits.back().argmax(-1, true)}, 1);
  }
  return at::stack(logits, 1);
}

TEST_CASE("Greedy decoding equals the reference") {
  const auto [weights, expected_file] =
      GENERATE(std::pair("model.safetensors", "greedy.json"), std::pair("trained.safetensors", "greedy_trained.json"));
  CAPTURE(weights);
  const auto expected = nlohmann::json::parse(read_file(test::tiny_folder() / expected_file));
  Mixer mixer = tiny_mixer(tiny_options(), weights);
  const TinyBatch batch;
  const GreedyResult result = greedy_decode(*mixer, batch.ids, batch.mask, kLength);
  CHECK(result.tokens.equal(rows<int64_t>(expected.at("tokens"))));
  CHECK(max_difference(result.probabilities, rows<double>(expected.at("probabilities"))) <= 1e-5);
  CHECK(result.probabilities.select(1, 0).equal(at::ones({8})));
}

TEST_CASE("Decoding with kept keys and values equals decoding every prefix anew") {
  MixerOptions options = tiny_options();
  options.attention = GENERATE(Attention::kEager, Attention::kSdpa);
  options.mask_memory_padding = GENERATE(false, true);
  CAPTURE(options.attention, options.mask_memory_padding);
  Mixer mixer = tiny_mixer(options, "trained.safetensors");
  const TinyBatch batch;
  const GreedyResult result = greedy_decode(*mixer, batch.ids, batch.mask, kLength);
  const at::Tensor logits = decode_without_cache(mixer, batch);
  CHECK(result.tokens.narrow(1, 1, kLength - 1).equal(logits.argmax(-1)));
  CHECK(max_difference(result.probabilities.narrow(1, 1, kLength - 1), std::get<0>(at::softmax(logits, -1).max(-1))) <=
        1e-5);
}

TEST_CASE("Decoding restores training mode, uses no dropout and records no gradients") {
  MixerOptions options = tiny_options();
  options.encoder.hidden_dropout_prob = 0.5;
  options.encoder.attention_probs_dropout_prob = 0.5;
  options.dropout = 0.5;
  Mixer mixer = tiny_mixer(options);
  const TinyBatch batch;
  const GreedyResult plain = greedy_decode(*mixer, batch.ids, batch.mask, kLength);
  mixer->train();
  const GreedyResult result = greedy_decode(*mixer, batch.ids, batch.mask, kLength);
  CHECK(mixer->is_training());
  CHECK(mixer->encoder().is_training());
  CHECK(at::GradMode::is_enabled());
  CHECK_FALSE(result.probabilities.requires_grad());
  CHECK(result.tokens.equal(plain.tokens));
  CHECK(result.flat_logits.equal(plain.flat_logits));
}

TEST_CASE("Decoding under bfloat16 autocast stays near float32") {
  MixerOptions options = tiny_options();
  options.attention = GENERATE(Attention::kEager, Attention::kSdpa);
  Mixer mixer = tiny_mixer(options, "trained.safetensors");
  const TinyBatch batch;
  const GreedyResult exact = greedy_decode(*mixer, batch.ids, batch.mask, 2);
  const AutocastGuard autocast(c10::DeviceType::CPU, at::kBFloat16);
  const GreedyResult result = greedy_decode(*mixer, batch.ids, batch.mask, 2);
  CHECK(result.probabilities.scalar_type() == at::kFloat);
  CHECK(max_difference(result.probabilities, exact.probabilities) <= 0.05);
  CHECK(max_difference(result.flat_logits, exact.flat_logits) <= 0.2);
}

TEST_CASE("Sequences longer than the decoder's positions are refused") {
  Mixer mixer = tiny_mixer();
  const TinyBatch batch;
  CHECK_THROWS_AS(greedy_decode(*mixer, batch.ids, batch.mask, 130), UsageError);
  CHECK_THROWS_AS(greedy_decode(*mixer, batch.ids, batch.mask, 0), UsageError);
  CHECK(greedy_decode(*mixer, batch.ids, batch.mask, 1).tokens.equal(at::full({8, 1}, 2, at::kLong)));
}

TEST_CASE("The flat head's five likeliest classes equal the reference") {
  const auto [weights, expected_file] =
      GENERATE(std::pair("model.safetensors", "greedy.json"), std::pair("trained.safetensors", "greedy_trained.json"));
  CAPTURE(weights);
  const auto expected = nlohmann::json::parse(read_file(test::tiny_folder() / expected_file));
  Mixer mixer = tiny_mixer(tiny_options(), weights);
  const TinyBatch batch;
  const at::Tensor logits = flat_logits(*mixer, batch.ids, batch.mask);
  const at::Tensor some = rows<double>(expected.at("flat_logits_decoding"));
  CHECK(max_difference(logits.narrow(1, 0, some.size(1)), some) <= 2e-5);
  const FlatTopK top = flat_top_k(logits);
  CHECK(top.classes.equal(rows<int64_t>(expected.at("flat_top5").at("index"))));
  CHECK(max_difference(top.probabilities, rows<double>(expected.at("flat_top5").at("probability"))) <= 1e-5);
}

TEST_CASE("Fewer classes than asked for give all of them") {
  const FlatTopK top = flat_top_k(at::tensor({0.0F, 2.0F, -2.0F}).view({1, 3}));
  CHECK(top.classes.equal(at::tensor({1, 0, 2}, at::kLong).view({1, 3})));
  CHECK(max_difference(top.probabilities, at::tensor({0.880797078, 0.5, 0.119202922}).view({1, 3})) <= 1e-6);
}

}  // namespace
}  // namespace canine
