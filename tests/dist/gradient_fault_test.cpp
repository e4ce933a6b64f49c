#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/variable.h>
#include <torch/csrc/distributed/c10d/comm.hpp>

#include "canine/dist/gradient_synchronizer.hpp"
#include "dist/toy_net.hpp"
// LibTorch's CHECK must not win.
#undef CHECK

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <stdexcept>

#include "canine/core/errors.hpp"
#include "dist/ranks.hpp"

// Faults that data-parallel code is known for: ranks that drift apart, hang, or end without a word.

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;
using testing::bit_equal;
using testing::gradients_of;
using testing::run_ranks;
using testing::toy_rows;
using testing::ToyNet;
using testing::try_ranks;
using testing::wave;
using Group = std::shared_ptr<ProcessGroup>;
using Tensors = std::vector<at::Tensor>;

struct Branches {
  at::Tensor left = wave({4}, 1).requires_grad_();
  at::Tensor right = wave({4}, 2).requires_grad_();
  at::Tensor never = wave({4}, 3).requires_grad_();
  std::vector<GradientSynchronizer::Named> named() const {
    return {{"left", left}, {"right", right}, {"never", never}};
  }
};

DdpOptions finding_unused() {
  DdpOptions options;
  options.find_unused_parameters = true;
  return options;
}

TEST_CASE("ranks that use different parameters get the mean of their gradients", "[unused]") {
  const auto gradients = run_ranks(2, [](const Group& group) {
    const Branches net;
    GradientSynchronizer synchronizer(net.named(), {}, group, finding_unused());
    for (int step = 0; step < 3; ++step) {
      synchronizer.before_forward(true);
      const at::Tensor output = (group->rank() == 0 ? net.left : net.right) * (2 + 2 * group->rank());
      synchronizer.after_forward({output});
      output.sum().backward();
    }
    return gradients_of({net.left, net.right, net.never});
  });
  for (const auto& rank : gradients) {
    // What is not used on this rank is overwritten by the mean in each step; what is, accumulates before.
    CHECK(rank[0].defined());
    CHECK(rank[1].defined());
    CHECK_FALSE(rank[2].defined());
    CHECK(at::equal(rank[0], gradients[0][0]));
    CHECK(at::equal(rank[1], gradients[0][1]));
  }
}

TEST_CASE("outputs that the loss leaves out count as used without a gradient", "[unused]") {
  const auto gradients = run_ranks(2, [](const Group& group) {
    const Branches net;
    GradientSynchronizer synchronizer(net.named(), {}, group, finding_unused());
    for (int step = 0; step < 2; ++step) {
      synchronizer.before_forward(true);
      const at::Tensor used = net.left * 2;
      const at::Tensor left_out = net.right * 3;
      synchronizer.after_forward({used, left_out, used});
      for (const auto* parameter : {&net.left, &net.right}) parameter->mutable_grad() = at::Tensor();
      used.sum().backward();
    }
    return gradients_of({net.left, net.right});
  });
  for (const auto& rank : gradients) {
    CHECK(at::equal(rank[0], at::full({4}, 2.0)));
    CHECK_FALSE(rank[1].defined());
  }
}

TEST_CASE("unused parameters without the option end all ranks with their names", "[unused]") {
  const auto failures = try_ranks(2, [](const Group& group) {
    const Branches net;
    GradientSynchronizer synchronizer(net.named(), {}, group, {});
    for (int step = 0; step < 2; ++step) {
      synchronizer.before_forward(true);
      const at::Tensor output = net.left * 2;
      synchronizer.after_forward({output});
      output.sum().backward();
    }
  });
  for (const int rank : {0, 1}) {
    CHECK(failures.is<UsageError>(rank));
    CHECK_THAT(failures.message(rank), ContainsSubstring("2 of 3") && ContainsSubstring("right, never") &&
                                           ContainsSubstring("find_unused_parameters"));
  }
}

TEST_CASE("a static graph may leave parameters unused and use others twice", "[unused]") {
  DdpOptions options;
  options.static_graph = true;
  const auto gradients = run_ranks(2, [&](const Group& group) {
    const Branches net;
    GradientSynchronizer synchronizer(net.named(), {}, group, options);
    for (int step = 0; step < 4; ++step) {
      for (const auto* parameter : {&net.left, &net.right}) parameter->mutable_grad() = at::Tensor();
      synchronizer.before_forward(true);
      const at::Tensor output = net.left * net.left * (1 + 2 * group->rank()) + net.right;
      synchronizer.after_forward({output});
      output.sum().backward();
    }
    return gradients_of({net.left, net.right, net.never});
  });
  for (const auto& rank : gradients) {
    CHECK(at::allclose(rank[0], wave({4}, 1) * 4));
    CHECK(at::equal(rank[1], at::ones({4})));
    CHECK_FALSE(rank[2].defined());
  }
}

TEST_CASE("models that differ are named on all ranks", "[agreement]") {
  struct Case {
    GradientSynchronizer::Named parameter;
    std::string named;
  };
  const auto different = GENERATE(values<Case>({
      {{"weight", at::zeros({2, 4})}, "'weight' Float[2, 4] on rank 1"},
      {{"weight", at::zeros({2, 3}, at::kDouble)}, "'weight' Double[2, 3] on rank 1"},
      {{"height", at::zeros({2, 3})}, "'height' Float[2, 3] on rank 1"},
      {{"weight", at::zeros({3, 2}).t()}, "strides 1, 2 on rank 1"},
  }));
  const auto failures = try_ranks(3, [&](const Group& group) {
    const at::Tensor same = at::zeros({2}).requires_grad_();
    const at::Tensor own =
        group->rank() == 1 ? different.parameter.second.clone().requires_grad_() : at::zeros({2, 3}).requires_grad_();
    const GradientSynchronizer synchronizer(
        {{"same", same}, {group->rank() == 1 ? different.parameter.first : "weight", own}}, {}, group, {});
  });
  for (const int rank : {0, 1, 2}) {
    CHECK(failures.is<UsageError>(rank));
    CHECK(failures.message(rank) == failures.message(0));
    CHECK_THAT(failures.message(rank), ContainsSubstring("'weight' Float[2, 3] on ranks 0, 2"));
  }
  if (different.parameter.second.is_contiguous()) CHECK_THAT(failures.message(0), ContainsSubstring(different.named));
}

TEST_CASE("a parameter too many, a frozen one, and other options are named", "[agreement]") {
  const int what = GENERATE(0, 1, 2);
  const auto failures = try_ranks(2, [&](const Group& group) {
    const bool odd = group->rank() == 1;
    std::vector<GradientSynchronizer::Named> parameters = {{"one", at::zeros({2}).requires_grad_()},
                                                           {"two", at::zeros({2}).requires_grad_()}};
    if (odd && what == 0) parameters.emplace_back("three", at::zeros({2}));
    if (odd && what == 1) parameters[1].second.set_requires_grad(false);
    DdpOptions options;
    options.static_graph = odd && what == 2;
    const GradientSynchronizer synchronizer(parameters, {}, group, options);
  });
  const std::string named =
      std::vector<std::string>{"nothing on rank 0; parameter 'three'", "parameter 'two' Float[2], frozen on rank 1",
                               "static_graph=true"}[static_cast<size_t>(what)];
  for (const int rank : {0, 1}) {
    CHECK(failures.is<UsageError>(rank));
    CHECK_THAT(failures.message(rank), ContainsSubstring(named));
  }
}

TEST_CASE("check_in_sync names the parameter that drifted, and where", "[agreement]") {
  const auto failures = try_ranks(3, [](const Group& group) {
    const ToyNet net;
    GradientSynchronizer synchronizer(net.named(), {}, group, {});
    synchronizer.check_in_sync("at the start");
    if (group->rank() == 2) {
      const c10::AutoGradMode no_graph(false);
      net.second[0][0] += 1e-7;
      net.second_bias[0] += 1;
    }
    synchronizer.check_in_sync("after step 7");
  });
  for (const int rank : {0, 1, 2}) {
    CHECK(failures.is<PeerError>(rank));
    CHECK_THAT(failures.message(rank), ContainsSubstring("after step 7") && ContainsSubstring("'second' with") &&
                                           ContainsSubstring("on ranks 0, 1") && ContainsSubstring("on rank 2"));
  }
}

/// The gradient of a parameter whose gradient is `value` on each rank.
std::vector<at::Tensor> gradients_with(const DdpOptions& options, double value,
                                       const GradientSynchronizer::Hook& hook = nullptr,
                                       at::ScalarType dtype = at::kFloat) {
  return run_ranks(2, [&](const Group& group) {
    const at::Tensor weight = wave({6}, 0, dtype).requires_grad_();
    GradientSynchronizer synchronizer({{"weight", weight}}, {}, group, options);
    if (hook) synchronizer.set_hook(hook);
    for (int step = 0; step < 2; ++step) {
      weight.mutable_grad() = at::Tensor();
      synchronizer.before_forward(true);
      const at::Tensor loss = (weight * value).sum();
      synchronizer.after_forward({loss});
      loss.backward();
    }
    return weight.grad().clone();
  });
}

TEST_CASE("gradients travel in 16 bits with compression", "[hook]") {
  DdpOptions options;
  options.gradient_as_bucket_view = GENERATE(false, true);
  options.compression = GENERATE(GradientCompression::kFp16, GradientCompression::kBf16);
  const auto dtype = options.compression == GradientCompression::kFp16 ? at::kHalf : at::kBFloat16;
  const double value = 1.2345678;
  const at::Tensor rounded = (at::full({6}, value) / 2).to(dtype).to(at::kFloat) * 2;
  REQUIRE_FALSE(at::equal(rounded, at::full({6}, value)));
  for (const auto& gradient : gradients_with(options, value)) {
    CHECK(gradient.scalar_type() == at::kFloat);
    CHECK(at::equal(gradient, rounded));
  }
}

TEST_CASE("compression keeps the mean where the sum would overflow", "[hook]") {
  DdpOptions options;
  options.compression = GradientCompression::kFp16;
  for (const auto& gradient : gradients_with(options, 60000)) CHECK(at::equal(gradient, at::full({6}, 60000.0)));
}

TEST_CASE("compression leaves 16-bit gradients as they are", "[hook]") {
  DdpOptions options;
  options.compression = GradientCompression::kFp16;
  const double value = 1e-20;  // bfloat16 has it, float16 has not
  for (const auto& gradient : gradients_with(options, value, nullptr, at::kBFloat16)) {
    CHECK(at::equal(gradient, at::full({6}, value, at::kBFloat16)));
  }
}

TEST_CASE("a hook of the user replaces the all-reduce", "[hook]") {
  const auto seven = [](c10d::GradBucket& bucket) {
    auto future = c10::make_intrusive<c10::ivalue::Future>(c10::TensorType::get());
    future->markCompleted(at::full_like(bucket.getBuffer(), 7));
    return future;
  };
  for (const auto& gradient : gradients_with({}, 1, seven)) CHECK(at::equal(gradient, at::full({6}, 7.0)));
}

TEST_CASE("one hook only", "[hook]") {
  DdpOptions options;
  options.compression = GENERATE(GradientCompression::kNone, GradientCompression::kBf16);
  options.static_graph = GENERATE(false, true);
  const auto failures = try_ranks(2, [&](const Group& group) {
    const ToyNet net;
    GradientSynchronizer synchronizer(net.named(), {}, group, options);
    const auto hook = [](c10d::GradBucket&) -> c10::intrusive_ptr<c10::ivalue::Future> { return nullptr; };
    synchronizer.set_hook(hook);
    synchronizer.set_hook(hook);
  });
  CHECK(failures.is<UsageError>(0));
  CHECK(failures.is<UsageError>(1));
}

/// Fails in backward.
struct Fuse : torch::autograd::Node {
  torch::autograd::variable_list apply(torch::autograd::variable_list&&) override {
    throw std::runtime_error("backward blew a fuse");
  }
};

TEST_CASE("a rank that fails before its backward pass fails the others, which end with an exception", "[failure]") {
  const int step_of_failure = GENERATE(0, 2);
  DdpOptions options;
  options.bucket_cap_mb = 40.0 / (1 << 20);
  options.compression = GENERATE(GradientCompression::kNone, GradientCompression::kFp16);
  const auto failures = try_ranks(3, [&](const Group& group) {
    const ToyNet net;
    GradientSynchronizer synchronizer(net.named(), {}, group, options);
    for (int step = 0; step < 4; ++step) {
      synchronizer.before_forward(true);
      const at::Tensor loss = net.loss(toy_rows(2, step));
      synchronizer.after_forward({loss});
      if (group->rank() == 1 && step == step_of_failure) throw std::runtime_error("rank 1 has had enough");
      loss.backward();
    }
  });
  CHECK(failures.message(1) == "rank 1 has had enough");
  CHECK(failures.order.front() == 1);
  CHECK_FALSE(failures.message(0).empty());
  CHECK_FALSE(failures.message(2).empty());
}

TEST_CASE("parameters can be used after a backward pass that failed midway", "[failure]") {
  const bool static_graph = GENERATE(false, true);
  const auto failures = try_ranks(2, [&](const Group& group) {
    const ToyNet net;
    {
      DdpOptions options;
      options.bucket_cap_mb = 40.0 / (1 << 20);
      options.static_graph = static_graph;
      GradientSynchronizer synchronizer(net.named(), {}, group, options);
      synchronizer.before_forward(true);
      at::Tensor input = toy_rows(2, 0).requires_grad_();
      const at::Tensor hidden = at::linear(input, net.first, net.first_bias);
      const at::Tensor broken = hidden * 1;
      const auto fuse = std::make_shared<Fuse>();
      fuse->add_input_metadata(broken);
      fuse->set_next_edges({torch::autograd::impl::gradient_edge(hidden)});
      torch::autograd::impl::set_gradient_edge(broken, torch::autograd::Edge(fuse, 0));
      const at::Tensor loss = at::linear(broken, net.second, net.second_bias).sum();
      synchronizer.after_forward({loss});
      try {
        loss.backward();
        throw std::logic_error("backward passed");
      } catch (const std::runtime_error& error) {
        if (std::string(error.what()).find("fuse") == std::string::npos) throw;
      }
    }
    // Hooks of the destroyed object would be called here.
    net.loss(toy_rows(2, 0)).backward();
  });
  CHECK(failures.message(0).empty());
  CHECK(failures.message(1).empty());
}

}  // namespace
}  // namespace canine
