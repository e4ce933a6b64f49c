#include "canine/optim/adamw.hpp"

#include <ATen/ATen.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <limits>

#include "canine/core/errors.hpp"
#include "canine/optim/gradients.hpp"
#include "canine/optim/schedule.hpp"
#include "optim/peer.hpp"

namespace canine {
namespace {

using Catch::Matchers::WithinAbs;

at::Tensor parameter(std::initializer_list<float> values) {
  return at::tensor(at::ArrayRef<float>(values.begin(), values.size())).requires_grad_();
}

at::Tensor gradient(std::initializer_list<float> values) {
  return at::tensor(at::ArrayRef<float>(values.begin(), values.size()));
}

/// Splits `flat` into tensors of the given shapes.
std::vector<at::Tensor> split(const std::vector<float>& flat, const std::vector<std::vector<int64_t>>& shapes,
                              size_t offset = 0) {
  std::vector<at::Tensor> tensors;
  for (const auto& shape : shapes) {
    const at::Tensor tensor = at::empty(shape);
    REQUIRE(offset + tensor.numel() <= flat.size());
    std::copy_n(flat.data() + offset, tensor.numel(), tensor.mutable_data_ptr<float>());
    offset += tensor.numel();
    tensors.push_back(tensor);
  }
  return tensors;
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<double>(); }

TEST_CASE("AdamW gives the worked example") {
  const at::Tensor p = parameter({1, -2});
  AdamW optimizer({p}, {.learning_rate = 0.1});
  p.mutable_grad() = gradient({0.5F, 1});
  optimizer.step(0.1);
  CHECK_THAT(p[0].item<double>(), WithinAbs(0.8990000, 1e-7));
  CHECK_THAT(p[1].item<double>(), WithinAbs(-2.0980000, 2e-7));
  p.mutable_grad() = gradient({-0.25F, 1});
  optimizer.step(0.1);
  CHECK_THAT(p[0].item<double>(), WithinAbs(0.8714674, 1e-7));
  CHECK_THAT(p[1].item<double>(), WithinAbs(-2.1959019, 2e-7));
  CHECK(optimizer.states()[0].step.item<float>() == 2);
}

TEST_CASE("clip, AdamW and schedule equal PyTorch's for 20 steps") {
  const test::Peer& peer = test::Peer::get();
  const std::vector<std::vector<int64_t>> shapes = {{7, 5}, {5}, {3, 4, 2}, {1}, {64, 33}};
  std::vector<at::Tensor> parameters = split(peer.read<float>("adamw_start.f32"), shapes);
  for (at::Tensor& p : parameters) p.requires_grad_();
  const std::vector<float> gradients = peer.read<float>("adamw_gradients.f32");
  const std::vector<float> norms = peer.read<float>("adamw_norms.f32");
  const size_t per_step = gradients.size() / norms.size();

  AdamW optimizer(parameters, {.learning_rate = 1e-2});
  const LinearSchedule schedule{.warmup_steps = 4, .total_steps = 22};
  for (size_t step = 0; step < norms.size(); ++step) {
    const std::vector<at::Tensor> now = split(gradients, shapes, step * per_step);
    for (size_t i = 0; i < now.size(); ++i) parameters[i].mutable_grad() = now[i];
    const at::Tensor norm = gradient_norm(parameters);
    CHECK(norm.item<float>() == norms[step]);
    clip_gradients(parameters, norm, 1.0);
    optimizer.step(1e-2 * schedule.factor(static_cast<int64_t>(step)));
  }
  const std::vector<at::Tensor> end = split(peer.read<float>("adamw_end.f32"), shapes);
  const std::vector<at::Tensor> exp_avg = split(peer.read<float>("adamw_exp_avg.f32"), shapes);
  const std::vector<at::Tensor> exp_avg_sq = split(peer.read<float>("adamw_exp_avg_sq.f32"), shapes);
  for (size_t i = 0; i < end.size(); ++i) {
    INFO("parameter " << i);
    // PyTorch's default on a CPU is its single-tensor form, which rounds in another order than the fused kernel.
    CHECK(largest_difference(parameters[i], end[i]) <= 1e-7 * std::max(1.0, end[i].abs().max().item<double>()));
    CHECK(largest_difference(optimizer.states()[i].exp_avg, exp_avg[i]) <= 1e-7);
    CHECK(largest_difference(optimizer.states()[i].exp_avg_sq, exp_avg_sq[i]) <= 1e-7);
    CHECK(optimizer.states()[i].step.item<float>() == 20);
  }
}

TEST_CASE("found_inf skips the whole update, at the first step and later") {
  const bool first = GENERATE(true, false);
  const at::Tensor p = parameter({1, -2});
  AdamW optimizer({p}, {});
  if (!first) {
    p.mutable_grad() = gradient({1, 2});
    optimizer.step(0.1, at::zeros({}));
  }
  const AdamW::State& state = optimizer.states()[0];
  const at::Tensor p_before = p.detach().clone(), m = state.exp_avg.clone(), v = state.exp_avg_sq.clone();

  p.mutable_grad() = gradient({std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()});
  optimizer.step(0.1, at::ones({}));
  CHECK(at::equal(p, p_before));
  CHECK(at::equal(state.exp_avg, m));
  CHECK(at::equal(state.exp_avg_sq, v));
  CHECK(state.step.item<float>() == (first ? 0 : 1));

  // The next good update goes on as if nothing had happened.
  const at::Tensor twin = p_before.clone().requires_grad_();
  AdamW other({twin}, {});
  other.states()[0].step.copy_(state.step);
  other.states()[0].exp_avg.copy_(m);
  other.states()[0].exp_avg_sq.copy_(v);
  p.mutable_grad() = gradient({3, 4});
  twin.mutable_grad() = gradient({3, 4});
  optimizer.step(0.1, at::zeros({}));
  other.step(0.1);
  CHECK(at::equal(p, twin));
  CHECK(at::isfinite(p).all().item<bool>());
}

TEST_CASE("grad_scale divides the gradients") {
  const at::Tensor p = parameter({1, -2});
  const at::Tensor scaled = parameter({1, -2});
  AdamW optimizer({p}, {}), other({scaled}, {});
  p.mutable_grad() = gradient({0.5F, 3});
  scaled.mutable_grad() = gradient({4, 24});
  optimizer.step(0.1);
  other.step(0.1, at::zeros({}), at::full({}, 8.0F));
  CHECK(at::equal(p, scaled));
}

TEST_CASE("a parameter without a gradient is left alone, one with a zero gradient decays") {
  const at::Tensor without = parameter({1, -2});
  const at::Tensor with_zero = parameter({1, -2});
  AdamW optimizer({without, with_zero}, {.weight_decay = 0.5});
  with_zero.mutable_grad() = at::zeros({2});
  optimizer.step(0.1);
  CHECK(at::equal(without, gradient({1, -2})));
  CHECK(optimizer.states()[0].step.item<float>() == 0);
  CHECK(at::allclose(with_zero, gradient({0.95F, -1.9F})));
  CHECK(optimizer.states()[1].step.item<float>() == 1);
}

TEST_CASE("rate 0 changes nothing but the moments") {
  const at::Tensor p = parameter({1, -2});
  AdamW optimizer({p}, {});
  p.mutable_grad() = gradient({1, 1});
  optimizer.step(0);
  CHECK(at::equal(p, gradient({1, -2})));
  CHECK(optimizer.states()[0].exp_avg.abs().min().item<float>() > 0);
}

TEST_CASE("zero_grad keeps the memory of gradients and leaves undefined ones") {
  const at::Tensor p = parameter({1, -2});
  const at::Tensor without = parameter({1});
  AdamW optimizer({p, without}, {});
  p.mutable_grad() = gradient({1, 1});
  const void* memory = p.grad().const_data_ptr();
  optimizer.zero_grad();
  CHECK(p.grad().const_data_ptr() == memory);
  CHECK(p.grad().abs().max().item<float>() == 0);
  CHECK_FALSE(without.grad().defined());
}

TEST_CASE("no parameters and no gradients are no error") {
  AdamW none({}, {});
  none.step(0.1);
  none.zero_grad();
  AdamW undefined({parameter({1})}, {});
  undefined.step(0.1, at::ones({}));
  CHECK(undefined.states()[0].step.item<float>() == 0);
}

TEST_CASE("AdamW refuses impossible options") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const AdamW::Options options = GENERATE_COPY(
      AdamW::Options{.learning_rate = -1e-9}, AdamW::Options{.learning_rate = nan}, AdamW::Options{.beta1 = 1},
      AdamW::Options{.beta2 = -0.1}, AdamW::Options{.eps = nan}, AdamW::Options{.weight_decay = -1});
  CHECK_THROWS_AS(options.validate(), UsageError);
  CHECK_NOTHROW(AdamW::Options{.learning_rate = 0}.validate());
}

}  // namespace
}  // namespace canine
