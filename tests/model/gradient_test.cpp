#include <ATen/ATen.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <string>

#include "canine/objective/mixer_loss.hpp"
#include "model/tiny_fixture.hpp"

namespace canine {
namespace {

using test::TensorFile;

/// Entries whose true gradient is 0: the reference's values are rounding noise.
bool is_noise(const std::string& name) { return name.ends_with("attention.self.key.bias"); }

at::Tensor without_noise(const std::string& name, const at::Tensor& gradient) {
  if (!name.ends_with("in_proj_bias")) return gradient;
  const int64_t width = gradient.size(0) / 3;  // the middle third is the key's
  return at::cat({gradient.narrow(0, 0, width), gradient.narrow(0, 2 * width, width)});
}

TEST_CASE("Every gradient equals the reference") {
  MixerOptions options = test::tiny_options();
  options.attention = GENERATE(Attention::kEager, Attention::kSdpa);
  Mixer mixer = test::tiny_mixer(options);
  mixer->train();
  const TensorFile batch("batch.safetensors");
  const at::Tensor targets = batch["targets_seq2seq"];
  const MixerOutput output =
      mixer->forward(batch["input_ids"], batch["attention_mask"], targets.narrow(1, 0, targets.size(1) - 1));
  mixer_loss(output.sequence_logits, output.flat_logits, targets, batch["targets_linear"], LossLayout{2, 5, 1}, 0.1)
      .total.backward();

  const TensorFile expected("gradients.safetensors");
  const std::string embedding = "decoder.token_emb.embedding.weight";
  for (const auto& item : mixer->named_parameters()) {
    const std::string& name = item.key();
    CAPTURE(name);
    REQUIRE(item.value().grad().defined());
    if (is_noise(name)) continue;
    at::Tensor reference;
    if (name == embedding) {
      reference = at::zeros_like(item.value().grad());
      reference.index_copy_(0, expected[name + ".rows"], expected[name + ".values"]);
    } else {
      reference = without_noise(name, expected[name]);
    }
    const at::Tensor gradient = without_noise(name, item.value().grad());
    CHECK((gradient - reference).norm().item<double>() <= 1e-4 * reference.norm().item<double>());
  }
}

}  // namespace
}  // namespace canine
