#include "canine/decode/flat.hpp"

#include <ATen/ATen.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cmath>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/decode/batch_width.hpp"
#include "canine/decode/greedy.hpp"
#include "canine/optim/autocast.hpp"
#include "decode/tiny_batch.hpp"

namespace canine {
namespace {

using test::max_difference;
using test::TensorFile;
using test::tiny_mixer;
using test::tiny_options;
using test::TinyBatch;

TEST_CASE("The flat head alone gives the numbers of the whole pass") {
  MixerOptions options = tiny_options();
  options.attention = GENERATE(Attention::kEager, Attention::kSdpa);
  options.encoder.hidden_dropout_prob = options.encoder.attention_probs_dropout_prob = options.dropout = 0.5;
  Mixer mixer = tiny_mixer(options);
  const TinyBatch batch;
  const at::Tensor expected = greedy_decode(*mixer, batch.ids, batch.mask, 1).flat_logits;
  mixer->train();
  const at::Tensor result = flat_logits(*mixer, batch.ids, batch.mask);
  CHECK(max_difference(result, expected) <= 2e-6);
  CHECK_FALSE(result.requires_grad());
  CHECK(mixer->is_training());
}

TEST_CASE("The last deep layer may be the only one") {
  MixerOptions options = tiny_options();
  options.encoder.num_hidden_layers = 1;
  Mixer mixer(options);
  mixer->eval();
  const TinyBatch batch;
  const at::Tensor expected = greedy_decode(*mixer, batch.ids, batch.mask, 1).flat_logits;
  CHECK(max_difference(flat_logits(*mixer, batch.ids, batch.mask), expected) <= 2e-6);
}

TEST_CASE("Trimming to whole molecules changes no flat logit, in either padding") {
  MixerOptions options = tiny_options();
  const Padding padding = GENERATE(Padding::kReference, Padding::kMask);
  options.mask_memory_padding = padding == Padding::kMask;
  Mixer mixer = tiny_mixer(options);
  const TinyBatch batch;
  const at::Tensor expected = flat_logits(*mixer, batch.ids, batch.mask);
  for (int64_t row = 0; row < batch.ids.size(0); ++row) {
    const int64_t width = batch_width(DecodeMode::kFlat, padding, batch.mask[row].sum().item<int64_t>(), 128);
    CAPTURE(row, width);
    // Exact from `width` on, whether or not four divides the length.
    for (const int64_t length : {width, std::min<int64_t>(width + 3, 128), std::min<int64_t>(width + 8, 128)}) {
      const auto cut = [&](const at::Tensor& x) { return x.narrow(0, row, 1).narrow(1, 0, length); };
      CHECK(max_difference(flat_logits(*mixer, cut(batch.ids), cut(batch.mask)), expected.narrow(0, row, 1)) <= 2e-6);
    }
  }
}

TEST_CASE("Trimming is exact for texts of more than one window, wherever the last window ends") {
  Mixer mixer = tiny_mixer();
  const at::NoGradGuard no_grad;
  const TensorFile fixture("long_text.safetensors");
  const at::Tensor ids = fixture["input_ids"], mask = fixture["attention_mask"];
  CHECK(max_difference(mixer->pool(ids, mask), fixture["encoder.pooled"]) <= 2e-5);
  // 128 ends with the first window, 129 to 131 begin the second, 203 is the whole width (which four does not divide).
  for (const int64_t real : {2, 5, 97, 126, 128, 129, 131, 132, 133, 199, 201, 203}) {
    CAPTURE(real);
    const at::Tensor visible = at::arange(203).lt(real).to(at::kLong).expand({2, 203});
    const at::Tensor text = ids * visible;
    const int64_t width = batch_width(DecodeMode::kFlat, Padding::kReference, real, 203);
    const at::Tensor whole = mixer->encode(text, visible).pooled;
    CHECK(max_difference(mixer->pool(text, visible), whole) <= 2e-6);
    CHECK(max_difference(mixer->pool(text.narrow(1, 0, width), visible.narrow(1, 0, width)), whole) <= 2e-6);
  }
}

TEST_CASE("One group of real characters less is seen") {
  Mixer mixer = tiny_mixer();
  const TinyBatch batch;
  const int64_t real = batch.mask[0].sum().item<int64_t>();
  const int64_t width = batch_width(DecodeMode::kFlat, Padding::kReference, real, 128) - 4;
  const auto cut = [&](const at::Tensor& x) { return x.narrow(0, 0, 1).narrow(1, 0, width); };
  const at::Tensor expected = flat_logits(*mixer, batch.ids, batch.mask).narrow(0, 0, 1);
  CHECK(max_difference(flat_logits(*mixer, cut(batch.ids), cut(batch.mask)), expected) > 1e-4);
}

TEST_CASE("Widths of batches") {
  struct Row {
    DecodeMode mode;
    Padding padding;
    int64_t longest, max_len, width;
  };
  const Row row = GENERATE(
      Row{DecodeMode::kFlat, Padding::kReference, 26, 128, 28}, Row{DecodeMode::kFlat, Padding::kMask, 28, 128, 28},
      Row{DecodeMode::kFlat, Padding::kMask, 29, 128, 32}, Row{DecodeMode::kFlat, Padding::kReference, 2, 128, 4},
      Row{DecodeMode::kFlat, Padding::kReference, 0, 128, 4},
      Row{DecodeMode::kFlat, Padding::kReference, 128, 128, 128},
      Row{DecodeMode::kFlat, Padding::kReference, 202, 203, 203},
      Row{DecodeMode::kGreedy, Padding::kReference, 26, 128, 128},
      Row{DecodeMode::kGreedy, Padding::kMask, 26, 128, 36}, Row{DecodeMode::kGreedy, Padding::kMask, 125, 128, 128},
      Row{DecodeMode::kFull, Padding::kReference, 26, 64, 64}, Row{DecodeMode::kFull, Padding::kMask, 5, 128, 16});
  CAPTURE(row.mode, row.padding, row.longest, row.max_len);
  CHECK(batch_width(row.mode, row.padding, row.longest, row.max_len) == row.width);
}

TEST_CASE("The flat head under bfloat16 autocast stays near float32") {
  Mixer mixer = tiny_mixer();
  const TinyBatch batch;
  const at::Tensor exact = flat_logits(*mixer, batch.ids, batch.mask);
  const AutocastGuard autocast(c10::DeviceType::CPU, at::kBFloat16);
  CHECK(max_difference(flat_logits(*mixer, batch.ids, batch.mask), exact) <= 0.1);
}

TEST_CASE("Places that are not above the threshold of their row are blank") {
  const FlatTopK top = {at::tensor({7, 2, 5, 1}, at::kLong).view({2, 2}),
                        at::tensor({0.9F, 0.5F, 0.5F, 0.1F}).view({2, 2})};
  const FlatTopK kept = above_thresholds(top, std::vector<double>{0.5, 0.26});
  CHECK(kept.classes.equal(at::tensor({7, -1, 5, -1}, at::kLong).view({2, 2})));
  CHECK(kept.probabilities[0][0].item<float>() == 0.9F);
  CHECK(std::isnan(kept.probabilities[0][1].item<float>()));
  CHECK(kept.probabilities[1][0].item<float>() == 0.5F);
  CHECK(std::isnan(kept.probabilities[1][1].item<float>()));
  CHECK(top.classes[0][1].item<int64_t>() == 2);
  CHECK_THROWS_AS(above_thresholds(top, std::vector<double>{0.5}), InternalError);
}

TEST_CASE("Thresholds of the languages are the Python program's") {
  CHECK(usual_threshold("unk") == 0.31);
  CHECK(usual_threshold("da") == 0.24);
  CHECK(usual_threshold("is") == 0.17);
  CHECK(usual_threshold("no") == 0.34);
  CHECK(usual_threshold("se") == 0.26);
  CHECK(usual_threshold("fi") == 0.31);
  CHECK(usual_threshold("") == 0.31);
}

}  // namespace
}  // namespace canine
