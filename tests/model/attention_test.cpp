#include "canine/model/attention.hpp"

#include <ATen/ATen.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cmath>
#include <limits>

#include "canine/optim/autocast.hpp"
#include "model/tiny_fixture.hpp"

namespace canine {
namespace {

using test::max_difference;

/// Two rows, five queries, seven keys, four heads of six.
struct Inputs {
  at::Tensor query, key, value, visible;

  Inputs() {
    at::manual_seed(21);
    query = at::randn({2, 5, 24});
    key = at::randn({2, 7, 24});
    value = at::randn({2, 7, 24});
    visible = at::tensor({1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0}).view({2, 7});
  }
};

/// The definition, head by head, in float64.
at::Tensor oracle(const Inputs& in, const at::Tensor& mask) {
  std::vector<at::Tensor> heads;
  for (int64_t head = 0; head < 4; ++head) {
    const auto part = [&](const at::Tensor& x) { return x.narrow(2, 6 * head, 6).to(at::kDouble); };
    at::Tensor scores = at::matmul(part(in.query), part(in.key).transpose(1, 2)) / std::sqrt(6.0);
    if (mask.defined()) scores = scores + mask.squeeze(1).to(at::kDouble);
    heads.push_back(at::matmul(at::softmax(scores, -1), part(in.value)));
  }
  return at::cat(heads, 2);
}

TEST_CASE("Both kinds of attention equal the definition") {
  const Attention kind = GENERATE(Attention::kEager, Attention::kSdpa);
  const Inputs in;
  CHECK(max_difference(attend(in.query, in.key, in.value, {}, {4, 0.0, kind}), oracle(in, {})) <= 2e-6);
  const at::Tensor mask = additive_mask(in.visible);
  CHECK(max_difference(attend(in.query, in.key, in.value, mask, {4, 0.0, kind}), oracle(in, mask)) <= 2e-6);
  // Views of one wide matrix, as the decoder makes them.
  const at::Tensor wide = at::cat({in.key, in.value}, 2);
  const at::Tensor result = attend(in.query, wide.narrow(2, 0, 24), wide.narrow(2, 24, 24), mask, {4, 0.0, kind});
  CHECK(max_difference(result, oracle(in, mask)) <= 2e-6);
}

TEST_CASE("Hidden positions weigh exactly nothing") {
  const Attention kind = GENERATE(Attention::kEager, Attention::kSdpa);
  const Inputs in;
  const at::Tensor mask = additive_mask(in.visible);
  const at::Tensor result = attend(in.query, in.key, in.value, mask, {4, 0.0, kind});
  at::Tensor other = in.value.clone();
  other.select(0, 1).narrow(0, 3, 4).fill_(1e30);
  CHECK(attend(in.query, in.key, other, mask, {4, 0.0, kind}).equal(result));
}

TEST_CASE("A row without visible positions gets equal weights, not NaN") {
  const Attention kind = GENERATE(Attention::kEager, Attention::kSdpa);
  const Inputs in;
  const at::Tensor mask = additive_mask(at::zeros({2, 7}, at::kLong));
  const at::Tensor mean = in.value.mean(1, true).expand({2, 5, 24});
  CHECK(max_difference(attend(in.query, in.key, in.value, mask, {4, 0.0, kind}), mean) <= 1e-5);
  const AutocastGuard autocast(c10::DeviceType::CPU, at::kBFloat16);
  CHECK(max_difference(attend(in.query, in.key, in.value, mask, {4, 0.0, kind}), mean) <= 2e-2);
}

TEST_CASE("Both kinds of attention have the same gradients") {
  const Inputs in;
  const at::Tensor mask = additive_mask(in.visible);
  const at::Tensor upstream = at::randn({2, 5, 24});
  std::vector<at::Tensor> gradients[2];
  for (const Attention kind : {Attention::kEager, Attention::kSdpa}) {
    std::vector<at::Tensor> leaves;
    for (const at::Tensor& x : {in.query, in.key, in.value}) leaves.push_back(x.clone().set_requires_grad(true));
    (attend(leaves[0], leaves[1], leaves[2], mask, {4, 0.0, kind}) * upstream).sum().backward();
    for (const at::Tensor& leaf : leaves) gradients[kind == Attention::kSdpa].push_back(leaf.grad());
  }
  for (size_t i = 0; i < 3; ++i) CHECK(max_difference(gradients[0][i], gradients[1][i]) <= 5e-6);
}

TEST_CASE("Dropout falls on the probabilities") {
  const Attention kind = GENERATE(Attention::kEager, Attention::kSdpa);
  at::manual_seed(22);
  const int64_t keys = 64;
  // Equal scores and values of one: each output is the share of kept keys / (1 - rate).
  const at::Tensor query = at::zeros({8, 32, 24});
  const at::Tensor ones = at::ones({8, keys, 24});
  const at::Tensor result = attend(query, ones, ones, {}, {4, 0.25, kind});
  const double deviation = std::sqrt(0.25 / 0.75 / keys);
  CHECK(std::abs(result.mean().item<double>() - 1) <= 5 * deviation / std::sqrt(8.0 * 32 * 4));
  const double spread = result.select(2, 0).std().item<double>();
  CHECK(spread > 0.5 * deviation);
  CHECK(spread < 2 * deviation);
}

TEST_CASE("Under autocast the products are rounded to bfloat16, not the softmax") {
  const Attention kind = GENERATE(Attention::kEager, Attention::kSdpa);
  const Inputs in;
  const at::Tensor mask = additive_mask(in.visible);
  const AutocastGuard autocast(c10::DeviceType::CPU, at::kBFloat16);
  const at::Tensor result = attend(in.query, in.key, in.value, mask, {4, 0.0, kind});
  CHECK(result.scalar_type() == at::kBFloat16);
  CHECK(max_difference(result, oracle(in, mask)) <= 3e-2);
}

}  // namespace
}  // namespace canine
