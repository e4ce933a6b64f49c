#include "canine/optim/loss_scaler.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <catch2/catch_test_macros.hpp>
#include <limits>
#include <string_view>

#include "optim/peer.hpp"

namespace canine {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

at::Tensor with_gradient(std::initializer_list<float> values) {
  const at::Tensor gradient = at::tensor(at::ArrayRef<float>(values.begin(), values.size()));
  at::Tensor p = at::zeros_like(gradient).requires_grad_();
  p.mutable_grad() = gradient;
  return p;
}

TEST_CASE("the scaler equals torch.amp.GradScaler over good and bad steps") {
  const std::vector<double> expected = test::Peer::get().read<double>("scaler.f64");
  const std::string_view pattern = "....i..n......ii....";  // as in peer.py
  REQUIRE(expected.size() == 4 * pattern.size());
  LossScaler scaler({.enabled = true, .initial_scale = 1024, .growth_interval = 3}, at::kCPU);
  const at::Tensor weight = at::tensor({1.0F, -2.0F}).requires_grad_();
  for (size_t step = 0; step < pattern.size(); ++step) {
    weight.mutable_grad() = at::Tensor();
    scaler.scale((weight * at::tensor({0.5F, 0.25F})).sum()).backward();
    if (pattern[step] == 'i') weight.mutable_grad()[1] = kInfinity;
    if (pattern[step] == 'n') weight.mutable_grad()[1] = std::numeric_limits<float>::quiet_NaN();
    const at::Tensor found_inf = scaler.unscale_and_check({&weight, 1});
    CHECK(found_inf.item<float>() == (pattern[step] == '.' ? 0 : 1));
    if (found_inf.item<float>() == 0) {
      const at::NoGradGuard no_grad;
      weight.sub_(weight.grad(), 0.125);
    }
    scaler.update(found_inf);
    INFO("step " << step);
    CHECK(scaler.state().scale == expected[4 * step]);
    CHECK(static_cast<double>(scaler.state().growth_tracker) == expected[4 * step + 1]);
    CHECK(weight[0].item<double>() == expected[4 * step + 2]);
    CHECK(weight[1].item<double>() == expected[4 * step + 3]);
  }
}

TEST_CASE("gradients are divided by the scale") {
  LossScaler scaler({.enabled = true, .initial_scale = 8}, at::kCPU);
  const std::vector<at::Tensor> parameters = {with_gradient({8, -24}), at::zeros({3}).requires_grad_()};
  CHECK(scaler.scale(at::tensor(2.0F)).item<float>() == 16);
  CHECK(scaler.unscale_and_check(parameters).item<float>() == 0);
  CHECK(at::equal(parameters[0].grad(), at::tensor({1.0F, -3.0F})));
}

TEST_CASE("a disabled scaler changes nothing") {
  LossScaler scaler({.enabled = false}, at::kCPU);
  const std::vector<at::Tensor> parameters = {with_gradient({8, kInfinity})};
  CHECK(scaler.scale(at::tensor(2.0F)).item<float>() == 2);
  CHECK_FALSE(scaler.unscale_and_check(parameters).defined());
  CHECK(parameters[0].grad()[0].item<float>() == 8);
  scaler.update(at::ones({}));
  scaler.load({.scale = 4, .growth_tracker = 2});
  CHECK(scaler.state().scale == 1);
}

TEST_CASE("a loaded state goes on where it was saved") {
  LossScaler scaler({.enabled = true, .initial_scale = 4, .growth_interval = 3}, at::kCPU);
  for (int i = 0; i < 2; ++i) scaler.update(at::zeros({}));
  LossScaler other({.enabled = true, .growth_interval = 3}, at::kCPU);
  other.load(scaler.state());
  other.update(at::zeros({}));
  CHECK(other.state().scale == 8);
  CHECK(other.state().growth_tracker == 0);
}

}  // namespace
}  // namespace canine
