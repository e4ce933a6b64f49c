#include "canine/model/dropout.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cmath>

#include "model/tiny_fixture.hpp"

namespace canine {
namespace {

constexpr int64_t kCount = 1 << 20;

/// 1 where an element was kept.
at::Tensor kept(const at::Tensor& x) { return x.ne(0).to(at::kDouble); }

TEST_CASE("Dropout at rate 0 is the tensor itself") {
  const at::Tensor x = at::randn({4});
  CHECK(dropout(x, 0.0).is_same(x));
}

TEST_CASE("Dropout keeps elements with the asked probability and scales them") {
  const double rate = GENERATE(0.1, 0.5, 0.9);
  const auto type = GENERATE(at::kFloat, at::kBFloat16);
  CAPTURE(rate, type);
  at::manual_seed(3);
  const at::Tensor x = (at::rand({kCount}) + 1).to(type);
  const at::Tensor y = dropout(x, rate);
  REQUIRE(y.scalar_type() == type);
  const at::Tensor keep = kept(y);
  const double deviation = std::sqrt(rate * (1 - rate) / kCount);
  CHECK(std::abs(keep.mean().item<double>() - (1 - rate)) <= 5 * deviation);
  const auto scale = static_cast<float>(1 / (1 - rate));
  CHECK(y.equal((x.to(at::kFloat) * scale).to(type) * keep.to(type)));
}

TEST_CASE("Dropout of neighbours, of other calls and of other seeds is independent") {
  at::manual_seed(3);
  const at::Tensor ones = at::ones({kCount});
  const double rate = 0.3;
  const auto centred = [&](const at::Tensor& y) { return kept(y) - (1 - rate); };
  const at::Tensor first = centred(dropout(ones, rate));
  const at::Tensor second = centred(dropout(ones, rate));
  at::manual_seed(4);
  const at::Tensor other_seed = centred(dropout(ones, rate));
  const auto correlation = [&](const at::Tensor& a, const at::Tensor& b) {
    return (a * b).mean().item<double>() / (rate * (1 - rate));
  };
  const double bound = 5 / std::sqrt(static_cast<double>(kCount));
  CHECK(std::abs(correlation(first, second)) <= bound);
  CHECK(std::abs(correlation(first, other_seed)) <= bound);
  for (const int64_t lag : {1, 2, 16, 96, 768, 4096}) {
    CAPTURE(lag);
    const int64_t rest = kCount - lag;
    CHECK(std::abs(correlation(first.narrow(0, 0, rest), first.narrow(0, lag, rest))) <= bound * 1.01);
    CHECK(std::abs(correlation(first.narrow(0, 0, rest), second.narrow(0, lag, rest))) <= bound * 1.01);
  }
}

TEST_CASE("Dropout is decided by torch's seed, for any number of threads") {
  const at::Tensor x = at::randn({kCount});
  const int threads = at::get_num_threads();
  at::manual_seed(7);
  at::set_num_threads(1);
  const at::Tensor one = dropout(x, 0.1);
  at::manual_seed(7);
  at::set_num_threads(3);
  const at::Tensor three = dropout(x, 0.1);
  at::set_num_threads(threads);
  CHECK(one.equal(three));
}

TEST_CASE("Gradients pass where the element was kept") {
  const auto type = GENERATE(at::kFloat, at::kBFloat16);
  at::manual_seed(8);
  // A transposed view, so that elements are counted in the same order both ways.
  const at::Tensor leaf = (at::rand({300, 70}) + 1).to(type).set_requires_grad(true);
  const at::Tensor y = dropout(leaf.t(), 0.25);
  const at::Tensor upstream = at::randn(y.sizes()).to(type);
  (y * upstream).sum().backward();
  const auto scale = static_cast<float>(1 / 0.75);
  const at::Tensor expected = (upstream.to(at::kFloat) * scale).to(type) * kept(y).to(type);
  CHECK(leaf.grad().t().equal(expected));
}

TEST_CASE("Not-a-number stays not-a-number") {
  const auto type = GENERATE(at::kFloat, at::kBFloat16);
  const at::Tensor y = dropout(at::full({64}, std::nan(""), type), 0.1);
  CHECK(y.isnan().all().item<bool>());
}

}  // namespace
}  // namespace canine
