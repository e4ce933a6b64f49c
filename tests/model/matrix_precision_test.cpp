#include "canine/model/matrix_precision.hpp"

#include <ATen/ATen.h>

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "canine/optim/autocast.hpp"
#include "model/tiny_fixture.hpp"

namespace canine {
namespace {

TEST_CASE("Matrices stored in bfloat16 give the numbers of autocast") {
  const test::TensorFile file("batch.safetensors");
  const at::NoGradGuard no_grad;
  const AutocastGuard autocast(c10::DeviceType::CPU, at::kBFloat16);
  const auto logits = [&](Mixer& mixer) {
    return mixer->forward(file["input_ids"], file["attention_mask"], file["targets_seq2seq"].narrow(1, 0, 11));
  };
  Mixer mixer = test::tiny_mixer();
  const MixerOutput expected = logits(mixer);
  store_matrices_as(*mixer, at::kBFloat16);
  const MixerOutput result = logits(mixer);
  CHECK(result.sequence_logits.equal(expected.sequence_logits));
  CHECK(result.flat_logits.equal(expected.flat_logits));
}

TEST_CASE("Only matrices of products are converted") {
  Mixer mixer = test::tiny_mixer();
  store_matrices_as(*mixer, at::kBFloat16);
  for (const auto& [name, tensor] : state_dict(*mixer)) {
    CAPTURE(name);
    const bool embedding = name.find("mbedding") != std::string::npos || name.find("Embedder") != std::string::npos ||
                           name.find("token_emb") != std::string::npos;
    CHECK(tensor.scalar_type() == (tensor.dim() == 2 && !embedding ? at::kBFloat16 : at::kFloat));
  }
}

}  // namespace
}  // namespace canine
