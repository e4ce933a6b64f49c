#include "canine/dist/gradient_synchronizer.hpp"
#include "dist/toy_net.hpp"
// LibTorch's CHECK must not win.
#undef CHECK

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "canine/core/errors.hpp"
#include "dist/ranks.hpp"

// A run that is resumed equals the uninterrupted one bit by bit. Sums of three or more ranks depend on the layout of
// the buckets, so the layout must be the final one from the first step on, which is what rehearse() is for.

namespace canine {
namespace {

using testing::bit_equal;
using testing::copies_of;
using testing::descend;
using testing::own_rows;
using testing::run_ranks;
using testing::toy_rows;
using testing::ToyNet;
using testing::try_ranks;
using testing::wave;
using Group = std::shared_ptr<ProcessGroup>;
using Tensors = std::vector<at::Tensor>;

/// A net with a buffer that changes in every forward of training.
struct Run {
  ToyNet net;
  at::Tensor num_forwards = at::zeros({2});
  GradientSynchronizer synchronizer;

  Run(const Group& group, const DdpOptions& options)
      : synchronizer(net.named(), {{"num_forwards", num_forwards}}, group, options) {}

  void pass(const at::Tensor& rows) {
    synchronizer.before_forward(true);
    num_forwards += 1;
    const at::Tensor loss = net.loss(rows);
    synchronizer.after_forward({loss});
    loss.backward();
  }
  void rehearse() {
    synchronizer.rehearse([this] { pass(toy_rows(1, 999)); });
  }
  void train(const Group& group, int begin, int end) {
    for (int step = begin; step < end; ++step) {
      pass(own_rows(toy_rows(12, step), *group));
      descend(net.parameters());
    }
  }
  Tensors state() const {
    Tensors tensors = copies_of(net.parameters());
    tensors.push_back(num_forwards.clone());
    return tensors;
  }
  void load(const Tensors& tensors) {
    const c10::AutoGradMode no_graph(false);
    for (size_t i = 0; i < 4; ++i) net.parameters()[i].copy_(tensors[i]);
    num_forwards.copy_(tensors[4]);
  }
};

TEST_CASE("a rehearsed run that is resumed equals the uninterrupted one in every bit", "[resume]") {
  DdpOptions options;
  options.bucket_cap_mb = 100.0 / (1 << 20);
  options.static_graph = GENERATE(false, true);
  options.find_unused_parameters = GENERATE(false, true);
  options.gradient_as_bucket_view = GENERATE(false, true);
  CAPTURE(options.static_graph, options.find_unused_parameters, options.gradient_as_bucket_view);
  const int world = GENERATE(2, 3);
  const auto results = run_ranks(world, [&](const Group& group) {
    Run whole(group, options);
    whole.rehearse();
    whole.train(group, 0, 3);
    const Tensors saved = whole.state();
    whole.train(group, 3, 6);

    Run resumed(group, options);
    resumed.load(saved);
    resumed.rehearse();
    resumed.train(group, 3, 6);
    return std::pair(whole.state(), resumed.state());
  });
  for (const auto& [whole, resumed] : results) {
    CHECK(bit_equal(whole, resumed));
    CHECK(bit_equal(whole, results.front().first));
    CHECK(whole[4][0].item<double>() == 6);
  }
}

TEST_CASE("a rehearsal leaves weights, gradients and buffers as they were, and the final buckets", "[resume]") {
  const auto results = run_ranks(3, [](const Group& group) {
    DdpOptions options;
    options.bucket_cap_mb = 100.0 / (1 << 20);
    Run run(group, options);
    run.rehearse();
    bool untouched = bit_equal(run.state(), [] {
      Tensors start = copies_of(ToyNet().parameters());
      start.push_back(at::zeros({2}));
      return start;
    }());
    for (const auto& parameter : run.net.parameters()) untouched = untouched && !parameter.grad().defined();
    std::vector<int64_t> counts;
    for (int step = 0; step < 3; ++step) {
      const int64_t before = run.synchronizer.num_reductions();
      run.train(group, step, step + 1);
      counts.push_back(run.synchronizer.num_reductions() - before);
    }
    return std::pair(untouched, counts);
  });
  for (const auto& [untouched, counts] : results) {
    CHECK(untouched);
    CHECK(counts[0] > 1);
    CHECK(counts == std::vector<int64_t>(3, counts[0]));
  }
}

TEST_CASE("a rehearsal that would drop gradients, or makes none, is refused", "[resume]") {
  const bool with_gradients = GENERATE(true, false);
  const auto failures = try_ranks(2, [&](const Group& group) {
    Run run(group, {});
    if (with_gradients) run.pass(toy_rows(1, 0));
    run.synchronizer.rehearse([] {});
  });
  for (const int rank : {0, 1}) {
    CHECK((with_gradients ? failures.is<UsageError>(rank) : failures.is<InternalError>(rank)));
  }
}

}  // namespace
}  // namespace canine
