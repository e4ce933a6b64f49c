#include "canine/model/affine.hpp"

#include <ATen/ATen.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "canine/optim/autocast.hpp"
#include "model/tiny_fixture.hpp"

namespace canine {
namespace {

using test::max_difference;

/// Leaf tensors that want gradients, small enough for exact comparisons in float64.
struct Inputs {
  at::Tensor x, weight, bias;

  Inputs() {
    at::manual_seed(5);
    x = at::randn({3, 7, 20}).set_requires_grad(true);
    weight = at::randn({11, 20}).set_requires_grad(true);
    bias = at::randn({11}).set_requires_grad(true);
  }
};

TEST_CASE("affine and its gradients equal x W^T + b in float64") {
  const bool with_bias = GENERATE(true, false);
  const bool strided = GENERATE(false, true);  // rows with gaps, as one position of every sequence
  CAPTURE(with_bias, strided);
  Inputs in;
  const at::Tensor x = strided ? in.x.select(1, 2) : in.x;
  const at::Tensor y = affine(x, in.weight, with_bias ? in.bias : at::Tensor());
  const at::Tensor upstream = at::randn(y.sizes());
  (y * upstream).sum().backward();

  const at::Tensor x64 = x.detach().to(at::kDouble);
  const at::Tensor w64 = in.weight.detach().to(at::kDouble);
  const at::Tensor g64 = upstream.to(at::kDouble).reshape({-1, 11});
  at::Tensor expected = at::matmul(x64, w64.t());
  if (with_bias) expected = expected + in.bias.detach().to(at::kDouble);
  CHECK(max_difference(y.detach(), expected) <= 1e-5);
  const at::Tensor x_gradient = strided ? in.x.grad().select(1, 2) : in.x.grad();
  CHECK(max_difference(x_gradient, at::matmul(g64, w64).view(x.sizes())) <= 1e-5);
  CHECK(max_difference(in.weight.grad(), at::matmul(g64.t(), x64.reshape({-1, 20}))) <= 1e-5);
  CHECK(in.weight.grad().is_contiguous());
  CHECK(in.bias.grad().defined() == with_bias);
  if (with_bias) CHECK(max_difference(in.bias.grad(), g64.sum(0)) <= 1e-5);
}

TEST_CASE("affine asks for no gradient of frozen weights") {
  Inputs in;
  in.weight.set_requires_grad(false);
  in.bias.set_requires_grad(false);
  affine(in.x, in.weight, in.bias).sum().backward();
  CHECK(in.x.grad().defined());
  CHECK_FALSE(in.weight.grad().defined());
  const at::Tensor frozen = affine(in.x.detach(), in.weight, in.bias);
  CHECK_FALSE(frozen.requires_grad());
}

TEST_CASE("affine follows autocast and other types") {
  Inputs in;
  CHECK(affine(in.x, in.weight, in.bias).scalar_type() == at::kFloat);
  {
    const AutocastGuard autocast(c10::DeviceType::CPU, at::kBFloat16);
    CHECK(affine(in.x, in.weight, in.bias).scalar_type() == at::kBFloat16);
  }
  const at::Tensor y = affine(in.x.to(at::kDouble), in.weight.to(at::kDouble), in.bias.to(at::kDouble));
  CHECK(y.scalar_type() == at::kDouble);
}

}  // namespace
}  // namespace canine
