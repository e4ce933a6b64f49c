#include "canine/optim/autocast.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <catch2/catch_test_macros.hpp>
#include <optional>
#include <stdexcept>
#include <thread>

namespace canine {
namespace {

at::ScalarType product_type() { return at::ones({2, 2}).matmul(at::ones({2, 2})).scalar_type(); }

TEST_CASE("matrix products use the type of the scope") {
  CHECK(product_type() == at::kFloat);
  {
    const AutocastGuard guard(at::kCPU, at::kBFloat16);
    CHECK(product_type() == at::kBFloat16);
  }
  CHECK(product_type() == at::kFloat);
}

TEST_CASE("scopes nest, none switches off, and errors close them") {
  const AutocastGuard outer(at::kCPU, at::kBFloat16);
  {
    const AutocastGuard off(at::kCPU, std::nullopt);
    CHECK(product_type() == at::kFloat);
    try {
      const AutocastGuard inner(at::kCPU, at::kHalf);
      CHECK(product_type() == at::kHalf);
      throw std::runtime_error("out of the scope");
    } catch (const std::runtime_error&) {
    }
    CHECK(product_type() == at::kFloat);
  }
  CHECK(product_type() == at::kBFloat16);
}

TEST_CASE("other threads are not affected") {
  const AutocastGuard guard(at::kCPU, at::kBFloat16);
  at::ScalarType seen = at::kByte;
  std::thread([&] { seen = product_type(); }).join();
  CHECK(seen == at::kFloat);
}

TEST_CASE("a weight changed between scopes is cast anew, and its gradient is float32") {
  const at::Tensor weight = at::ones({2, 2}).requires_grad_();
  const auto product = [&] {
    const AutocastGuard guard(at::kCPU, at::kBFloat16);
    return at::ones({2, 2}).matmul(weight).sum();
  };
  const at::Tensor loss = product();
  CHECK(loss.item<float>() == 8);
  loss.backward();
  CHECK(weight.grad().scalar_type() == at::kFloat);
  {
    const at::NoGradGuard no_grad;
    weight.mul_(2);
  }
  CHECK(product().item<float>() == 16);
}

}  // namespace
}  // namespace canine
