#include <ATen/ATen.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <map>
#include <string>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/model/encoder.hpp"
#include "canine/optim/autocast.hpp"
#include "model/tiny_fixture.hpp"

namespace canine {
namespace {

using test::max_difference;
using test::TensorFile;
using test::tiny_mixer;
using test::tiny_options;

constexpr double kTolerance = 2e-5;

struct Batch {
  TensorFile file{"batch.safetensors"};
  at::Tensor ids = file["input_ids"];
  at::Tensor mask = file["attention_mask"];
  at::Tensor target_input = file["targets_seq2seq"].narrow(1, 0, 11);
};

TEST_CASE("Every stage equals the reference") {
  const Attention attention = GENERATE(Attention::kEager, Attention::kSdpa);
  const bool training = GENERATE(false, true);  // dropout is 0 everywhere, so both give the same numbers
  CAPTURE(attention, training);
  MixerOptions options = tiny_options();
  options.attention = attention;
  Mixer mixer = tiny_mixer(options);
  mixer->train(training);

  std::vector<std::string> order;
  std::map<std::string, at::Tensor> stages;
  mixer->set_observer([&](const std::string& stage, const at::Tensor& output) {
    order.push_back(stage);
    stages[stage] = output;
  });
  const Batch batch;
  const MixerOutput output = mixer->forward(batch.ids, batch.mask, batch.target_input);

  const TensorFile expected("activations.safetensors");
  for (const auto& [name, tensor] : expected.all()) {
    CAPTURE(name);
    REQUIRE(stages.contains(name));
    CHECK(max_difference(stages[name], tensor) <= kTolerance);
  }
  CHECK(max_difference(output.sequence_logits, expected["seq_logits"]) <= kTolerance);
  CHECK(max_difference(output.flat_logits, expected["flat_logits"]) <= kTolerance);
  CHECK(order == std::vector<std::string>{"encoder.embeddings", "encoder.initial", "encoder.molecules",
                                          "encoder.deep.0", "encoder.deep.1", "encoder.pooled", "encoder.projection",
                                          "encoder.final", "decoder.embeddings", "decoder.layer.0", "decoder.layer.1",
                                          "decoder.layer.2", "seq_logits", "flat_logits"});
}

TEST_CASE("A model without a decoder or without a flat head gives the same numbers in what it has") {
  const bool flat_only = GENERATE(false, true);
  MixerOptions options = tiny_options();
  (flat_only ? options.vocabulary_size : options.num_classes) = 0;
  Mixer part(options, InitialValues::kAll);  // draws values for what is there
  Mixer whole = tiny_mixer();
  std::vector<std::string> names, expected_names;
  for (const auto& [name, tensor] : state_dict(*part)) names.push_back(name);
  std::vector<std::pair<std::string, at::Tensor>> weights;
  for (const auto& [name, tensor] : state_dict(*whole)) {
    if (name.starts_with(flat_only ? "decoder." : "linear_decoder.")) continue;
    expected_names.push_back(name);
    weights.emplace_back(name, tensor);
  }
  CHECK(names == expected_names);
  load_state_dict(*part, weights, "part");
  part->eval();

  const Batch batch;
  const MixerOutput expected = whole->forward(batch.ids, batch.mask, batch.target_input);
  const MixerOutput output = part->forward(batch.ids, batch.mask, batch.target_input);
  CHECK(part->has_decoder() == !flat_only);
  CHECK(part->has_flat_head() == flat_only);
  if (flat_only) {
    CHECK(max_difference(output.flat_logits, expected.flat_logits) == 0.0);
    CHECK_FALSE(output.sequence_logits.defined());
    CHECK_THROWS_AS(part->decoder(), InternalError);
  } else {
    CHECK(max_difference(output.sequence_logits, expected.sequence_logits) == 0.0);
    CHECK_FALSE(output.flat_logits.defined());
    CHECK_THROWS_AS(part->flat_logits(part->encode(batch.ids, batch.mask).pooled), InternalError);
  }
}

TEST_CASE("A text of several windows and of a length that four does not divide equals the reference") {
  MixerOptions options = tiny_options();
  options.attention = GENERATE(Attention::kEager, Attention::kSdpa);
  Mixer mixer = tiny_mixer(options);
  const TensorFile expected("long_text.safetensors");
  at::Tensor initial;
  mixer->set_observer([&](const std::string& stage, const at::Tensor& output) {
    if (stage == "encoder.initial") initial = output;
  });
  const EncoderOutput output = mixer->encode(expected["input_ids"], expected["attention_mask"]);
  CHECK(max_difference(initial, expected["encoder.initial"]) <= kTolerance);
  CHECK(max_difference(output.memory, expected["encoder.final"]) <= kTolerance);
  CHECK(max_difference(output.pooled, expected["encoder.pooled"]) <= kTolerance);
}

/// Logits of the batch's rows cut to T characters.
MixerOutput forward_trimmed(Mixer& mixer, const Batch& batch, int64_t row, int64_t length) {
  const auto cut = [&](const at::Tensor& x) { return x.narrow(0, row, 1).narrow(1, 0, length); };
  return mixer->forward(cut(batch.ids), cut(batch.mask), batch.target_input.narrow(0, row, 1));
}

TEST_CASE("With padding hidden, trimming to 4 * ceil(n / 4) + 8 characters changes nothing") {
  MixerOptions options = tiny_options();
  options.attention = GENERATE(Attention::kEager, Attention::kSdpa);
  options.mask_memory_padding = true;
  Mixer mixer = tiny_mixer(options);
  const at::NoGradGuard no_grad;
  const Batch batch;
  int trimmed = 0;
  for (int64_t row = 0; row < batch.ids.size(0); ++row) {
    const int64_t real = batch.mask[row].sum().item<int64_t>();
    const int64_t length = (real + 3) / 4 * 4 + 8;
    if (length >= 128) continue;
    CAPTURE(row, real, length);
    const MixerOutput whole = forward_trimmed(mixer, batch, row, 128);
    const MixerOutput cut = forward_trimmed(mixer, batch, row, length);
    CHECK(max_difference(whole.sequence_logits, cut.sequence_logits) <= 2e-6);
    CHECK(max_difference(whole.flat_logits, cut.flat_logits) <= 2e-6);
    ++trimmed;
  }
  CHECK(trimmed >= 6);
}

TEST_CASE("With padding seen, the pooled output does not depend on it and the sequence logits do") {
  Mixer mixer = tiny_mixer();
  const at::NoGradGuard no_grad;
  const Batch batch;
  const MixerOutput whole = forward_trimmed(mixer, batch, 0, 128);
  const MixerOutput cut = forward_trimmed(mixer, batch, 0, 48);
  CHECK(max_difference(whole.flat_logits, cut.flat_logits) <= 2e-6);
  CHECK(max_difference(whole.sequence_logits, cut.sequence_logits) > 1e-3);
}

TEST_CASE("A text of 4 n characters and one with padding up to 4 n + 3 share their molecules") {
  // Lengths that four does not divide take the general form of the projection.
  MixerOptions options = tiny_options();
  options.mask_memory_padding = true;
  Mixer mixer = tiny_mixer(options);
  const at::NoGradGuard no_grad;
  const Batch batch;
  const MixerOutput expected = forward_trimmed(mixer, batch, 0, 128);
  for (const int64_t length : {61, 62, 63}) {
    CAPTURE(length);
    const MixerOutput output = forward_trimmed(mixer, batch, 0, length);
    CHECK(max_difference(output.sequence_logits, expected.sequence_logits) <= 2e-6);
    CHECK(max_difference(output.flat_logits, expected.flat_logits) <= 2e-6);
  }
}

TEST_CASE("The shortest text has one molecule") {
  Mixer mixer = tiny_mixer();
  const Batch batch;
  const MixerOutput output = forward_trimmed(mixer, batch, 0, 4);
  CHECK(output.sequence_logits.isfinite().all().item<bool>());
  output.sequence_logits.sum().backward();
}

TEST_CASE("Texts and sequences that the tables have no rows for are refused") {
  Mixer mixer = tiny_mixer();
  const Batch batch;
  const auto ids = [](int64_t length) { return at::ones({1, length}, at::kLong); };
  CHECK_THROWS_AS(mixer->encode(ids(209), ids(209)), UsageError);
  CHECK_THROWS_AS(mixer->encode(ids(3), ids(3)), UsageError);
  CHECK_THROWS_AS(mixer->forward(ids(128), ids(128), ids(129)), UsageError);
  CHECK_NOTHROW(mixer->encode(ids(208), ids(208)));
}

TEST_CASE("Dropout acts in training only and follows the seed") {
  MixerOptions options = tiny_options();
  options.encoder.hidden_dropout_prob = 0.1;
  options.encoder.attention_probs_dropout_prob = 0.1;
  Mixer mixer = tiny_mixer(options);
  Mixer plain = tiny_mixer();
  const at::NoGradGuard no_grad;
  const Batch batch;
  const MixerOutput expected = plain->forward(batch.ids, batch.mask, batch.target_input);
  const MixerOutput off = mixer->forward(batch.ids, batch.mask, batch.target_input);
  CHECK(off.sequence_logits.equal(expected.sequence_logits));
  mixer->train();
  at::manual_seed(1);
  const MixerOutput first = mixer->forward(batch.ids, batch.mask, batch.target_input);
  const MixerOutput second = mixer->forward(batch.ids, batch.mask, batch.target_input);
  at::manual_seed(1);
  const MixerOutput again = mixer->forward(batch.ids, batch.mask, batch.target_input);
  CHECK_FALSE(first.flat_logits.equal(second.flat_logits));
  CHECK_FALSE(first.sequence_logits.equal(second.sequence_logits));
  CHECK(first.sequence_logits.equal(again.sequence_logits));
}

TEST_CASE("The decoder's rate also falls on the flat logits in training") {
  MixerOptions options = tiny_options();
  options.dropout = 0.5;
  Mixer mixer = tiny_mixer(options);
  mixer->train();
  const at::NoGradGuard no_grad;
  const Batch batch;
  const MixerOutput output = mixer->forward(batch.ids, batch.mask, batch.target_input);
  const double dropped = output.flat_logits.eq(0).to(at::kDouble).mean().item<double>();
  CHECK(dropped > 0.3);
  CHECK(dropped < 0.7);
  const EncoderOutput encoded = mixer->encode(batch.ids, batch.mask);
  CHECK_FALSE(mixer->flat_logits(encoded.pooled).eq(0).any().item<bool>());
}

TEST_CASE("bfloat16 autocast stays near float32, and the residual stream stays float32") {
  MixerOptions options = tiny_options();
  options.attention = GENERATE(Attention::kEager, Attention::kSdpa);
  Mixer mixer = tiny_mixer(options);
  const at::NoGradGuard no_grad;
  const Batch batch;
  const MixerOutput expected = mixer->forward(batch.ids, batch.mask, batch.target_input);
  std::map<std::string, at::ScalarType> types;
  mixer->set_observer([&](const std::string& stage, const at::Tensor& output) { types[stage] = output.scalar_type(); });
  const AutocastGuard autocast(c10::DeviceType::CPU, at::kBFloat16);
  const MixerOutput output = mixer->forward(batch.ids, batch.mask, batch.target_input);
  for (const auto& stage : {"encoder.initial", "encoder.deep.1", "encoder.final", "decoder.layer.2"}) {
    CAPTURE(stage);
    CHECK(types[stage] == at::kFloat);
  }
  CHECK(output.sequence_logits.scalar_type() == at::kBFloat16);
  CHECK(max_difference(output.sequence_logits, expected.sequence_logits) <= 0.1);
  CHECK(max_difference(output.flat_logits, expected.flat_logits) <= 0.1);
}

}  // namespace
}  // namespace canine
