#include "canine/dist/gradient_synchronizer.hpp"

#include "dist/toy_net.hpp"
// LibTorch's CHECK must not win.
#undef CHECK

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>

#include "canine/core/errors.hpp"
#include "dist/ranks.hpp"

// What data-parallel training must give, whatever the options: the gradients of one process with the whole batch.

namespace canine {
namespace {

using testing::bit_equal;
using testing::copies_of;
using testing::descend;
using testing::gradients_of;
using testing::largest_relative_difference;
using testing::own_rows;
using testing::run_ranks;
using testing::toy_rows;
using testing::ToyNet;
using testing::try_ranks;
using testing::wave;
using Group = std::shared_ptr<ProcessGroup>;
using Tensors = std::vector<at::Tensor>;

constexpr double kSmallBuckets = 40.0 / (1 << 20);  // 40 bytes: nearly every parameter has a bucket of its own
constexpr int kNumSteps = 3;

/// Forward and backward of `net` on `rows` through `synchronizer`.
void pass(GradientSynchronizer& synchronizer, const ToyNet& net, const at::Tensor& rows, double weight = 1) {
  synchronizer.before_forward(true);
  const at::Tensor loss = net.loss(rows) * weight;
  synchronizer.after_forward({loss});
  loss.backward();
}

/// Weights after kNumSteps steps of this rank with its part of 12 rows a step, in `micro` passes per step.
Tensors train(const Group& group, const DdpOptions& options, int micro = 1) {
  const ToyNet net;
  GradientSynchronizer synchronizer(net.named(), {}, group, options);
  for (int step = 0; step < kNumSteps; ++step) {
    const auto parts = own_rows(toy_rows(12, step), *group).chunk(micro);
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
      const NoSync alone(synchronizer);
      pass(synchronizer, net, parts[i], 1.0 / micro);
    }
    pass(synchronizer, net, parts.back(), 1.0 / micro);
    descend(net.parameters());
  }
  return copies_of(net.parameters());
}

/// The same by plain autograd on the whole batch.
Tensors train_alone() {
  const ToyNet net;
  for (int step = 0; step < kNumSteps; ++step) {
    net.loss(toy_rows(12, step)).backward();
    descend(net.parameters());
  }
  return copies_of(net.parameters());
}

void require_same_training(const std::vector<Tensors>& ranks) {
  const Tensors alone = train_alone();
  for (const auto& weights : ranks) {
    CHECK(bit_equal(weights, ranks.front()));
    CHECK(largest_relative_difference(weights, alone) < 1e-5);
  }
}

TEST_CASE("ranks with parts of a batch train like one process with all of it", "[synchronizer]") {
  const int world = GENERATE(1, 2, 3);
  DdpOptions options;
  options.bucket_cap_mb = kSmallBuckets;
  require_same_training(run_ranks(world, [&](const Group& group) { return train(group, options); }));
}

TEST_CASE("accumulation over the very first steps, across the new buckets, equals the whole batch", "[synchronizer]") {
  DdpOptions options;
  options.bucket_cap_mb = kSmallBuckets;
  options.gradient_as_bucket_view = GENERATE(false, true);
  options.static_graph = GENERATE(false, true);
  CAPTURE(options.gradient_as_bucket_view, options.static_graph);
  require_same_training(run_ranks(2, [&](const Group& group) { return train(group, options, 3); }));
}

TEST_CASE("find_unused_parameters and static_graph train like one process", "[synchronizer]") {
  DdpOptions options;
  options.bucket_cap_mb = kSmallBuckets;
  options.find_unused_parameters = GENERATE(false, true);
  options.static_graph = GENERATE(false, true);
  const int micro = GENERATE(1, 2);
  require_same_training(run_ranks(2, [&](const Group& group) { return train(group, options, micro); }));
}

TEST_CASE("gradients in the buckets have the bits of gradients outside", "[synchronizer]") {
  const auto weights = run_ranks(2, [](const Group& group) {
    DdpOptions options;
    Tensors plain = train(group, options);
    options.gradient_as_bucket_view = true;
    return std::pair(plain, train(group, options));
  });
  for (const auto& [plain, views] : weights) CHECK(bit_equal(plain, views));
}

TEST_CASE("gradients in the buckets are no copies", "[synchronizer]") {
  const auto shared = run_ranks(2, [](const Group& group) {
    const ToyNet net;
    DdpOptions options;
    options.gradient_as_bucket_view = true;
    GradientSynchronizer synchronizer(net.named(), {}, group, options);
    pass(synchronizer, net, toy_rows(4, 0));
    return static_cast<int>(net.first.grad().is_alias_of(net.second.grad()));
  });
  CHECK(shared == std::vector<int>{1, 1});
}

uint64_t num_collectives(const ProcessGroup& group) {
  return group.c10d()->getBackend(c10::DeviceType::CPU)->getSequenceNumberForGroup();
}

TEST_CASE("an update costs one all-reduce per bucket, however many passes it accumulates", "[synchronizer]") {
  DdpOptions options;
  options.static_graph = GENERATE(false, true);
  struct Counts {
    int64_t own;
    uint64_t backend;
  };
  const auto counts = run_ranks(2, [&](const Group& group) {
    const ToyNet net;
    GradientSynchronizer synchronizer(net.named(), {}, group, options);
    const auto update = [&] {
      for (int i = 0; i < 3; ++i) {
        const NoSync alone(synchronizer);
        pass(synchronizer, net, toy_rows(2, i));
      }
      pass(synchronizer, net, toy_rows(2, 4));
      descend(net.parameters());
    };
    for (int i = 0; i < 3; ++i) update();  // the buckets are new after one or two updates, which costs a broadcast
    const int64_t own = synchronizer.num_reductions();
    const uint64_t backend = num_collectives(*group);
    for (int i = 0; i < 5; ++i) update();
    return Counts{synchronizer.num_reductions() - own, num_collectives(*group) - backend};
  });
  for (const auto& count : counts) {
    CHECK(count.own == 5);
    CHECK(count.backend == 5);
  }
}

TEST_CASE("small buckets are used from the second step on", "[synchronizer]") {
  const auto counts = run_ranks(2, [](const Group& group) {
    const ToyNet net;
    DdpOptions options;
    options.bucket_cap_mb = kSmallBuckets;
    GradientSynchronizer synchronizer(net.named(), {}, group, options);
    std::vector<int64_t> after;
    for (int step = 0; step < 3; ++step) {
      pass(synchronizer, net, toy_rows(2, step));
      after.push_back(synchronizer.num_reductions());
    }
    return after;
  });
  for (const auto& after : counts) {
    CHECK(after[0] == 1);
    CHECK(after[1] - after[0] > 1);
    CHECK(after[2] - after[1] == after[1] - after[0]);
  }
}

TEST_CASE("weights and buffers of rank 0 are everybody's at the start", "[synchronizer]") {
  const auto nets = run_ranks(3, [](const Group& group) {
    const ToyNet net(group->rank());
    at::Tensor buffer = wave({4}, group->rank());
    net.first.set_requires_grad(false);
    const GradientSynchronizer synchronizer(net.named(), {{"buffer", buffer}}, group, {});
    Tensors result = copies_of(net.parameters());
    result.push_back(buffer);
    return result;
  });
  Tensors expected = copies_of(ToyNet(0).parameters());
  expected.push_back(wave({4}, 0));
  for (const auto& net : nets) CHECK(bit_equal(net, expected));
}

TEST_CASE("frozen parameters are left out and stay as they are", "[synchronizer]") {
  const auto nets = run_ranks(2, [](const Group& group) {
    const ToyNet net;
    net.first.set_requires_grad(false);
    net.first_bias.set_requires_grad(false);
    GradientSynchronizer synchronizer(net.named(), {}, group, {});
    for (int step = 0; step < 2; ++step) {
      pass(synchronizer, net, own_rows(toy_rows(4, step), *group));
      descend(net.parameters());
    }
    synchronizer.check_in_sync("at the end");
    return copies_of(net.parameters());
  });
  const ToyNet start;
  for (const auto& net : nets) {
    CHECK(at::equal(net[0], start.first));
    CHECK(at::equal(net[1], start.first_bias));
    CHECK_FALSE(at::equal(net[2], start.second));
  }
}

TEST_CASE("requires_grad that changes later is refused", "[synchronizer]") {
  const bool freeze = GENERATE(true, false);
  const auto failures = try_ranks(2, [&](const Group& group) {
    const ToyNet net;
    net.second.set_requires_grad(freeze);
    GradientSynchronizer synchronizer(net.named(), {}, group, {});
    net.second.set_requires_grad(!freeze);
    synchronizer.before_forward(true);
  });
  for (const int rank : {0, 1}) {
    CHECK(failures.is<UsageError>(rank));
    CHECK_THAT(failures.message(rank), Catch::Matchers::ContainsSubstring("'second'"));
  }
}

TEST_CASE("a model without parameters to train is refused", "[synchronizer]") {
  const auto failures = try_ranks(2, [&](const Group& group) {
    const GradientSynchronizer synchronizer({{"weight", wave({2}, 0)}}, {}, group, {});
  });
  CHECK(failures.is<UsageError>(0));
  CHECK(failures.is<UsageError>(1));
}

TEST_CASE("tied weights count once", "[synchronizer]") {
  const auto gradients = run_ranks(2, [](const Group& group) {
    const at::Tensor weight = wave({3, 3}, 0).requires_grad_();
    GradientSynchronizer synchronizer({{"in", weight}, {"out", weight}, {"none", at::Tensor()}}, {}, group, {});
    synchronizer.before_forward(true);
    const at::Tensor loss = at::linear(at::linear(wave({2, 3}, group->rank()), weight), weight).sum();
    synchronizer.after_forward({loss});
    loss.backward();
    return weight.grad().clone();
  });
  const at::Tensor weight = wave({3, 3}, 0).requires_grad_();
  for (const int rank : {0, 1}) {
    (at::linear(at::linear(wave({2, 3}, rank), weight), weight).sum() / 2).backward();
  }
  for (const auto& gradient : gradients) CHECK(at::allclose(gradient, weight.grad()));
}

TEST_CASE("parameters of several types are averaged", "[synchronizer]") {
  const auto gradients = run_ranks(2, [](const Group& group) {
    const Tensors parameters = {wave({5}, 0, at::kFloat).requires_grad_(), wave({5}, 1, at::kDouble).requires_grad_(),
                                wave({5}, 2, at::kBFloat16).requires_grad_(), wave({5}, 3, at::kHalf).requires_grad_()};
    std::vector<GradientSynchronizer::Named> named;
    for (const auto& parameter : parameters) named.emplace_back(std::to_string(named.size()), parameter);
    GradientSynchronizer synchronizer(named, {}, group, {});
    for (int step = 0; step < 2; ++step) {
      synchronizer.before_forward(true);
      at::Tensor loss = at::zeros({}, at::kDouble);
      for (const auto& parameter : parameters) loss = loss + parameter.to(at::kDouble).sum() * (1 + 2 * group->rank());
      synchronizer.after_forward({loss});
      loss.backward();
    }
    return gradients_of(parameters);
  });
  for (const auto& rank : gradients) {
    for (const auto& gradient : rank) CHECK(at::equal(gradient, at::full_like(gradient, 4)));  // the mean 2, twice
  }
}

TEST_CASE("rank 0's buffers are everybody's in the next forward of a training module", "[synchronizer]") {
  DdpOptions options;
  options.broadcast_buffers = GENERATE(true, false);
  const bool training = GENERATE(true, false);
  const auto values = run_ranks(2, [&](const Group& group) {
    const ToyNet net;
    at::Tensor buffer = at::full({2}, 5.0);
    GradientSynchronizer synchronizer(net.named(), {{"running", buffer}}, group, options);
    buffer.add_(group->rank() + 1);
    {
      const NoSync alone(synchronizer);
      synchronizer.before_forward(training);
    }
    const double unsynced = buffer[0].item<double>();
    synchronizer.before_forward(training);
    return std::pair(unsynced, buffer[0].item<double>());
  });
  CHECK(values[0] == std::pair(6.0, 6.0));
  CHECK(values[1] == std::pair(7.0, options.broadcast_buffers && training ? 6.0 : 7.0));
}

TEST_CASE("without grad mode a rank may run forward alone", "[synchronizer]") {
  const auto losses = run_ranks(2, [](const Group& group) {
    const ToyNet net;
    at::Tensor buffer = at::full({2}, 5.0);
    GradientSynchronizer synchronizer(net.named(), {{"running", buffer}}, group, {});
    pass(synchronizer, net, toy_rows(2, 0));
    if (group->rank() == 0) {
      const c10::AutoGradMode evaluation(false);
      synchronizer.before_forward(true);
      synchronizer.after_forward({net.loss(toy_rows(2, 1))});
    }
    pass(synchronizer, net, toy_rows(2, 1));
    return synchronizer.num_reductions();
  });
  CHECK(losses == std::vector<int64_t>{2, 2});
}

TEST_CASE("with one process nothing happens", "[synchronizer]") {
  const ToyNet net;
  DdpOptions options;
  options.compression = GradientCompression::kFp16;
  GradientSynchronizer synchronizer(net.named(), {}, ProcessGroup::single(), options);
  synchronizer.set_hook(
      [](c10d::GradBucket&) -> c10::intrusive_ptr<c10::ivalue::Future> { throw std::logic_error("a hook ran"); });
  synchronizer.rehearse([] { throw std::logic_error("a rehearsal ran"); });
  pass(synchronizer, net, toy_rows(4, 0));
  synchronizer.check_in_sync("at the end");
  CHECK(synchronizer.num_reductions() == 0);

  const ToyNet plain;
  plain.loss(toy_rows(4, 0)).backward();
  CHECK(bit_equal(gradients_of(net.parameters()), gradients_of(plain.parameters())));
}

TEST_CASE("bucket_cap_mb must be positive", "[synchronizer]") {
  DdpOptions options;
  options.bucket_cap_mb = GENERATE(0.0, -1.0, std::numeric_limits<double>::quiet_NaN());
  CHECK_THROWS_AS(options.validate(), UsageError);
}

}  // namespace
}  // namespace canine
