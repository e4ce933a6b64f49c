#include <ATen/ATen.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <span>
#include <string>

#include "canine/decode/greedy.hpp"
#include "canine/text/make_formatter.hpp"
#include "model/tiny_fixture.hpp"

namespace canine {
namespace {

TEST_CASE("Whatever an untrained model of HISCO or OCC1950 writes is decoded") {
  const auto formatter = make_formatter({.kind = GENERATE(FormatterKind::kHisco, FormatterKind::kOcc1950)});
  const int64_t length = formatter->layout().sequence_length();
  const test::TensorFile batch("batch.safetensors");
  MixerOptions options = test::tiny_options();
  options.vocabulary_size = formatter->vocabulary_size();
  for (int repeat = 0; repeat < 10; ++repeat) {
    at::manual_seed(repeat);
    Mixer mixer(options);
    {
      const at::NoGradGuard no_grad;
      for (at::Tensor& parameter : mixer->parameters()) parameter.add_(at::randn_like(parameter), 0.3);
    }
    const GreedyResult result = greedy_decode(*mixer, batch["input_ids"], batch["attention_mask"], length);
    const at::Tensor tokens = result.tokens.contiguous();
    REQUIRE(tokens.sizes() == at::IntArrayRef{8, length});
    for (int64_t row = 0; row < 8; ++row) {
      const std::span<const int64_t> sequence(tokens.const_data_ptr<int64_t>() + row * length,
                                              static_cast<size_t>(length));
      CHECK(formatter->decode(sequence).find_first_not_of("-&0123456789") == std::string::npos);
    }
  }
}

}  // namespace
}  // namespace canine
