#include "canine/optim/gradients.hpp"

#include <ATen/ATen.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <limits>

#include "support/host_reads.hpp"

namespace canine {
namespace {

using Catch::Matchers::WithinAbs;

/// A parameter with the given gradient.
at::Tensor with_gradient(const at::Tensor& gradient) {
  at::Tensor p = at::zeros_like(gradient).requires_grad_();
  p.mutable_grad() = gradient;
  return p;
}

TEST_CASE("gradient (3, 4) is clipped to (0.5999999, 0.7999998)") {
  const std::vector<at::Tensor> parameters = {with_gradient(at::tensor({3.0F})), with_gradient(at::tensor({4.0F}))};
  const at::Tensor norm = gradient_norm(parameters);
  CHECK(norm.dim() == 0);
  CHECK(norm.item<float>() == 5);
  clip_gradients(parameters, norm, 1.0);
  CHECK_THAT(parameters[0].grad().item<double>(), WithinAbs(0.5999999, 4e-8));
  CHECK_THAT(parameters[1].grad().item<double>(), WithinAbs(0.7999998, 4e-8));
}

TEST_CASE("a norm below the limit leaves gradients as they are") {
  const std::vector<at::Tensor> parameters = {with_gradient(at::tensor({0.3F, -0.4F}))};
  const double max_norm = GENERATE(1.0, 0.0, -1.0);
  clip_gradients(parameters, gradient_norm(parameters), max_norm);
  CHECK(at::equal(parameters[0].grad(), at::tensor({0.3F, -0.4F})));
}

TEST_CASE("undefined gradients are left out") {
  const std::vector<at::Tensor> parameters = {at::zeros({2}).requires_grad_(), with_gradient(at::tensor({0.0F, 2.0F}))};
  CHECK(defined_gradients(parameters).size() == 1);
  const at::Tensor norm = gradient_norm(parameters);
  CHECK(norm.item<float>() == 2);
  clip_gradients(parameters, norm, 0.5);
  CHECK_FALSE(parameters[0].grad().defined());
  CHECK_THAT(parameters[1].grad()[1].item<double>(), WithinAbs(0.5, 1e-6));
}

TEST_CASE("without gradients the norm is 0") {
  const std::vector<at::Tensor> parameters = {at::zeros({2}).requires_grad_()};
  const at::Tensor norm = gradient_norm(parameters);
  CHECK(norm.item<float>() == 0);
  CHECK_FALSE(norm.requires_grad());
  clip_gradients(parameters, norm, 1.0);
  CHECK(gradient_norm({}).item<float>() == 0);
}

TEST_CASE("nonfinite_flag is 1 exactly if the loss or any gradient is not finite") {
  const float bad = GENERATE(std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
                             std::numeric_limits<float>::quiet_NaN());
  const std::vector<at::Tensor> good = {with_gradient(at::tensor({1.0F, 2.0F}))};
  const std::vector<at::Tensor> broken = {good[0], with_gradient(at::tensor({0.0F, bad}))};
  const at::Tensor loss = at::scalar_tensor(3.0);
  const at::Tensor flag = nonfinite_flag(gradient_norm(good), loss);
  CHECK(flag.scalar_type() == at::kFloat);
  CHECK(flag.dim() == 0);
  CHECK(flag.item<float>() == 0);
  CHECK(nonfinite_flag(gradient_norm(broken), loss).item<float>() == 1);
  CHECK(nonfinite_flag(gradient_norm(good), at::scalar_tensor(bad)).item<float>() == 1);
}

TEST_CASE("norm, clipping and the flag never make the host wait") {
  const std::vector<at::Tensor> parameters = {with_gradient(at::randn({8, 8})), with_gradient(at::randn({8}))};
  const test::HostReads reads;
  const at::Tensor norm = gradient_norm(parameters);
  clip_gradients(parameters, norm, 1.0);
  nonfinite_flag(norm, norm);
  CHECK(reads.count() == 0);
}

}  // namespace
}  // namespace canine
