#include "canine/objective/mixer_loss.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>
#include <limits>
#include <random>

#include "canine/core/errors.hpp"
#include "objective/literal_loss.hpp"
#include "support/host_reads.hpp"

namespace canine {
namespace {

using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;

using test::kPad;
using test::literal_loss;
using test::LiteralLoss;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// The worked example: nb = bs = 2, V = 7.
const LossLayout kWorked{.num_blocks = 2, .block_size = 2, .pad_index = kPad};

at::Tensor worked_logits() {
  const auto index = [](int64_t count) { return at::arange(count, at::kDouble); };
  return at::sin(1 + index(3).view({3, 1, 1}) + 2 * index(5).view({1, 5, 1}) + 3 * index(7).view({1, 1, 7}));
}

at::Tensor worked_targets() {
  return at::tensor({2, 5, 6, 1, 1, 3, 2, 5, 3, 6, 4, 3, 2, 6, 6, 1, 1, 3}, at::kLong).view({3, 6});
}

at::Tensor worked_flat_logits() { return at::tensor({.5, -1., 2., 0., 1., -2., 1., 1., 1.}, at::kDouble).view({3, 3}); }
at::Tensor worked_flat_targets() { return at::tensor({1., 0., 0., 0., 1., 0., 1., 1., 1.}, at::kDouble).view({3, 3}); }

/// Random rows whose codes are filled from the front, `codes[i]` blocks in row i.
at::Tensor random_targets(const std::vector<int64_t>& codes, const LossLayout& layout, int64_t vocabulary,
                          std::mt19937& random) {
  const auto rows = static_cast<int64_t>(codes.size());
  at::Tensor targets = at::full({rows, layout.num_tokens() + 2}, kPad, at::kLong);
  std::uniform_int_distribution<int64_t> symbol(2, vocabulary - 1);
  for (int64_t row = 0; row < rows; ++row) {
    targets[row][0] = 2;
    targets[row][layout.num_tokens() + 1] = 3;
    for (int64_t i = 0; i < codes[row] * layout.block_size; ++i) targets[row][i + 1] = symbol(random);
  }
  return targets;
}

double value(const at::Tensor& scalar) { return scalar.item<double>(); }

TEST_CASE("sequence loss gives the worked example") {
  const at::Tensor loss = order_invariant_loss(worked_logits(), worked_targets(), kWorked);
  CHECK(loss.scalar_type() == at::kDouble);
  CHECK(loss.dim() == 0);
  CHECK_THAT(value(loss), WithinAbs(2.158666256993, 1e-12));
  const LiteralLoss literal = literal_loss(worked_logits(), worked_targets(), kWorked);
  CHECK_THAT(literal.order, WithinAbs(1.385922617074, 1e-12));
  CHECK_THAT(literal.padding, WithinAbs(0.772743639919, 1e-12));
}

TEST_CASE("sequence loss of single rows gives the worked values") {
  const double expected[] = {2.854415895619, 2.108051015584, 3.563248695412};
  for (int64_t row = 0; row < 3; ++row) {
    const at::Tensor loss =
        order_invariant_loss(worked_logits().narrow(0, row, 1), worked_targets().narrow(0, row, 1), kWorked);
    CHECK_THAT(value(loss), WithinAbs(expected[row], 1e-12));
  }
}

TEST_CASE("flat loss and mix give the worked values") {
  CHECK_THAT(value(flat_loss(worked_flat_logits(), worked_flat_targets())), WithinAbs(0.554154291602, 1e-12));
  const MixerLoss loss =
      mixer_loss(worked_logits(), worked_flat_logits(), worked_targets(), worked_flat_targets(), kWorked, 0.1);
  CHECK_THAT(value(loss.total), WithinAbs(0.714605488141, 1e-12));
  CHECK_THAT(value(loss.seq2seq), WithinAbs(2.158666256993, 1e-12));
  CHECK_THAT(value(loss.linear), WithinAbs(0.554154291602, 1e-12));
}

TEST_CASE("gradient of the mix gives the worked values") {
  const at::Tensor logits = worked_logits().requires_grad_();
  mixer_loss(logits, worked_flat_logits(), worked_targets(), worked_flat_targets(), kWorked, 0.1).total.backward();
  const at::Tensor gradient = logits.grad();
  const double first[] = {2.21384954e-3, 4.47740880e-4, 1.84088878e-3};
  const double third[] = {3.38491173e-4, -5.95826726e-3, 3.24872268e-4};
  for (int64_t v = 0; v < 3; ++v) {
    CHECK_THAT(value(gradient[0][0][v]), WithinRel(first[v], 1e-8));
    CHECK_THAT(value(gradient[0][2][v]), WithinRel(third[v], 1e-8));
  }
  CHECK(gradient.select(1, 4).abs().max().item<double>() == 0);
}

TEST_CASE("sequence loss equals its literal definition on random batches") {
  std::mt19937 random(5);
  at::manual_seed(5);
  for (int repeat = 0; repeat < 200; ++repeat) {
    const LossLayout layout{.num_blocks = std::uniform_int_distribution<int64_t>(1, 5)(random),
                            .block_size = std::uniform_int_distribution<int64_t>(1, 5)(random),
                            .pad_index = kPad};
    const int64_t rows = std::uniform_int_distribution<int64_t>(1, 6)(random);
    std::vector<int64_t> codes(rows);
    for (int64_t& count : codes) count = std::uniform_int_distribution<int64_t>(0, layout.num_blocks)(random);
    const at::Tensor targets = random_targets(codes, layout, 9, random);
    const at::Tensor logits = 3 * at::randn({rows, layout.num_tokens() + 1, 9}, at::kDouble);
    INFO("blocks " << layout.num_blocks << " x " << layout.block_size << ", rows " << rows);
    const double expected = literal_loss(logits, targets, layout).total();
    CHECK_THAT(value(order_invariant_loss(logits, targets, layout)), WithinRel(expected, 1e-12));
    CHECK_THAT(value(order_invariant_loss(logits.to(at::kFloat), targets, layout)), WithinRel(expected, 2e-6));
  }
}

TEST_CASE("sequence loss equals its literal definition on targets no formatter makes") {
  // PAD anywhere: gaps between blocks, blocks that begin or end with PAD (a first block that ends with PAD leaves a row
  // without candidates, whose loss is infinite).
  std::mt19937 random(6);
  at::manual_seed(6);
  int num_infinite = 0;
  for (int repeat = 0; repeat < 300; ++repeat) {
    const LossLayout layout{.num_blocks = 3, .block_size = 2, .pad_index = kPad};
    at::Tensor targets = random_targets({3, 3}, layout, 9, random);
    for (int64_t i = 0; i < 2 * 6; ++i) {
      if (random() % 3 == 0) targets[i / 6][1 + i % 6] = kPad;
    }
    const at::Tensor logits = at::randn({2, 7, 9}, at::kDouble);
    const double expected = literal_loss(logits, targets, layout).total();
    const double got = value(order_invariant_loss(logits, targets, layout));
    if (std::isinf(expected)) {
      ++num_infinite;
      CHECK(got == expected);
    } else {
      CHECK_THAT(got, WithinRel(expected, 1e-12));
    }
  }
  CHECK(num_infinite > 10);
  CHECK(num_infinite < 290);
}

TEST_CASE("gradient of the sequence loss equals finite differences of its literal definition") {
  std::mt19937 random(7);
  at::manual_seed(7);
  const LossLayout layout{.num_blocks = 3, .block_size = 2, .pad_index = kPad};
  const at::Tensor targets = random_targets({1, 3, 2, 0}, layout, 6, random);
  const at::Tensor logits = at::randn({4, 7, 6}, at::kDouble).requires_grad_();
  order_invariant_loss(logits, targets, layout).backward();
  const at::Tensor gradient = logits.grad().reshape({-1});
  const double h = 1e-5;
  for (int64_t i = 0; i < logits.numel(); ++i) {
    const auto moved = [&](double by) {
      at::Tensor copy = logits.detach().clone();
      copy.view({-1})[i] += by;
      return literal_loss(copy, targets, layout).total();
    };
    CHECK_THAT(value(gradient[i]), WithinAbs((moved(h) - moved(-h)) / (2 * h), 1e-9));
  }
}

TEST_CASE("a batch without any code has order term 0 and finite gradients") {
  std::mt19937 random(8);
  const at::Tensor targets = random_targets({0, 0}, kWorked, 7, random);
  const at::Tensor logits = worked_logits().narrow(0, 0, 2).contiguous().requires_grad_();
  const at::Tensor loss = order_invariant_loss(logits, targets, kWorked);
  loss.backward();
  // Rows without codes count every block as a candidate, so nothing is pushed towards PAD either.
  CHECK(value(loss) == 0);
  CHECK(logits.grad().abs().max().item<double>() == 0);
}

TEST_CASE("tied candidates share nothing: one of them gets the whole gradient") {
  const LossLayout layout{.num_blocks = 2, .block_size = 1, .pad_index = kPad};
  const at::Tensor logits = at::zeros({1, 3, 4}, at::kDouble).requires_grad_();
  const at::Tensor targets = at::tensor({2, 3, 3, 3}, at::kLong).view({1, 4});
  order_invariant_loss(logits, targets, layout).backward();
  CHECK(logits.grad().narrow(1, 1, 2).abs().max().item<double>() == 0);
  CHECK_THAT(value(logits.grad()[0][0][3]), WithinAbs(-0.75, 1e-12));
}

TEST_CASE("half-precision logits are cast to float32 first") {
  const auto dtype = GENERATE(at::kHalf, at::kBFloat16);
  const at::Tensor sequence = worked_logits().to(dtype);
  const at::Tensor flat = worked_flat_logits().to(dtype);
  const MixerLoss loss = mixer_loss(sequence, flat, worked_targets(), worked_flat_targets(), kWorked, 0.3);
  const MixerLoss exact =
      mixer_loss(sequence.to(at::kFloat), flat.to(at::kFloat), worked_targets(), worked_flat_targets(), kWorked, 0.3);
  CHECK(loss.total.scalar_type() == at::kFloat);
  CHECK(loss.seq2seq.item<float>() == exact.seq2seq.item<float>());
  CHECK(loss.linear.item<float>() == exact.linear.item<float>());
  CHECK(loss.total.item<float>() == exact.total.item<float>());
}

TEST_CASE("an infinite or undefined logit shows in the loss") {
  const double bad = GENERATE(std::numeric_limits<double>::quiet_NaN(), kInfinity);
  at::Tensor logits = worked_logits().clone();
  logits[1][1][5] = bad;
  CHECK_FALSE(std::isfinite(value(order_invariant_loss(logits, worked_targets(), kWorked))));
}

TEST_CASE("parts of a batch with the K of the whole add up to the loss and gradient of the whole") {
  const LossLayout layout{.num_blocks = 3, .block_size = 2, .pad_index = kPad};
  std::mt19937 random(7);
  const at::Tensor targets = random_targets({1, 1, 1, 3}, layout, 9, random);  // the second half alone has K = 3
  const at::Tensor values = at::sin(at::arange(4 * 7 * 9, at::kDouble)).view({4, 7, 9});
  const at::Tensor whole = values.clone().requires_grad_();
  order_invariant_loss(whole, targets, layout).backward();

  const auto in_parts = [&](std::optional<int64_t> filled_blocks) {
    const at::Tensor logits = values.clone().requires_grad_();
    for (const int64_t first : {0, 2}) {
      (0.5 * order_invariant_loss(logits.narrow(0, first, 2), targets.narrow(0, first, 2), layout, filled_blocks))
          .backward();
    }
    return at::Tensor(logits.grad());
  };
  CHECK((in_parts(3) - whole.grad()).abs().max().item<double>() < 1e-15);
  CHECK((in_parts(std::nullopt) - whole.grad()).abs().max().item<double>() > 1e-3);
  CHECK_THROWS_AS(order_invariant_loss(values, targets, layout, 4), InternalError);
}

TEST_CASE("the loss and its gradient never make the host wait") {
  const at::Tensor logits = worked_logits().requires_grad_();
  const test::HostReads reads;
  mixer_loss(logits, worked_flat_logits(), worked_targets(), worked_flat_targets(), kWorked, 0.1).total.backward();
  CHECK(reads.count() == 0);
  (void)logits.grad().sum().item<double>();
  CHECK(reads.count() == 1);  // the counter counts
}

TEST_CASE("shapes that do not fit the layout are refused") {
  CHECK_THROWS_AS(order_invariant_loss(worked_logits().narrow(1, 0, 4), worked_targets(), kWorked), InternalError);
  CHECK_THROWS_AS(order_invariant_loss(worked_logits(), worked_targets().narrow(0, 0, 2), kWorked), InternalError);
  CHECK_THROWS_AS(order_invariant_loss(worked_logits(), worked_targets().narrow(1, 0, 5), kWorked), InternalError);
}

}  // namespace
}  // namespace canine
