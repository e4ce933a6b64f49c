#include "canine/dist/distributed_data_parallel.hpp"

#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/linear.h>
#include <torch/optim/sgd.h>

#include "dist/toy_net.hpp"
// LibTorch's CHECK must not win.
#undef CHECK

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "dist/ranks.hpp"

namespace user {

/// A result of a user's own, with the function that DistributedDataParallel looks for.
struct Output {
  at::Tensor logits;
  at::Tensor extra = {};
};
void collect_tensors(const Output& output, std::vector<at::Tensor>& tensors) {
  tensors.push_back(output.logits);
  if (output.extra.defined()) tensors.push_back(output.extra);
}

/// One without it.
struct Opaque {
  at::Tensor logits;
};

}  // namespace user

namespace canine {
namespace {

using testing::bit_equal;
using testing::gradients_of;
using testing::run_ranks;
using testing::try_ranks;
using testing::wave;
using Group = std::shared_ptr<ProcessGroup>;

/// A module whose forward returns `Result`; one of its layers is never used.
template <typename Result>
struct NetImpl : torch::nn::Module {
  NetImpl() {
    for (const auto& name : {"used", "spare"}) register_module(name, torch::nn::Linear(3, 2));
    const c10::AutoGradMode no_graph(false);
    int i = 0;
    for (auto& parameter : parameters()) parameter.copy_(wave(parameter.sizes(), i++));
  }
  Result forward(const at::Tensor& rows) {
    auto& layer = *named_children()["used"]->template as<torch::nn::LinearImpl>();
    const at::Tensor logits = layer.forward(rows);
    const at::Tensor extra = logits * 2;
    if constexpr (std::is_same_v<Result, at::Tensor>) {
      return logits;
    } else if constexpr (std::is_same_v<Result, user::Opaque>) {
      return {logits};
    } else if constexpr (std::is_constructible_v<Result, at::Tensor, std::optional<at::Tensor>>) {
      return {logits, extra};
    } else {
      return {{logits}, {extra}};
    }
  }
};

at::Tensor logits_of(const at::Tensor& output) { return output; }
at::Tensor logits_of(const user::Output& output) { return output.logits; }
template <typename T>
at::Tensor logits_of(const std::vector<T>& outputs) {
  return logits_of(outputs.front());
}
template <typename A, typename B>
at::Tensor logits_of(const std::pair<A, B>& outputs) {
  return outputs.first;
}
template <typename... T>
at::Tensor logits_of(const std::tuple<T...>& outputs) {
  return logits_of(std::get<0>(outputs));
}

/// Gradients after two steps of ranks whose rows are alike, with one layer unused.
template <typename Result>
void require_unused_layer_found() {
  const auto gradients = run_ranks(2, [](const Group& group) {
    auto net = std::make_shared<NetImpl<Result>>();
    DdpOptions options;
    options.find_unused_parameters = true;
    DistributedDataParallel<std::shared_ptr<NetImpl<Result>>> ddp(net, group, options);
    for (int step = 0; step < 2; ++step) {
      net->zero_grad();
      logits_of(ddp(wave({2, 3}, group->rank()))).sum().backward();
    }
    return gradients_of(net->parameters());
  });
  for (const auto& rank : gradients) {
    CHECK(rank[0].defined());
    CHECK(at::equal(rank[0], gradients.front()[0]));
    CHECK_FALSE(rank[2].defined());
  }
}

TEST_CASE("unused parameters are found through every kind of output", "[ddp]") {
  require_unused_layer_found<at::Tensor>();
  require_unused_layer_found<std::vector<at::Tensor>>();
  require_unused_layer_found<std::pair<at::Tensor, std::optional<at::Tensor>>>();
  require_unused_layer_found<std::tuple<at::Tensor, std::optional<at::Tensor>>>();
  require_unused_layer_found<std::tuple<std::vector<at::Tensor>, std::vector<at::Tensor>>>();
  require_unused_layer_found<user::Output>();
  require_unused_layer_found<std::vector<user::Output>>();
}

TEST_CASE("an output that hides its tensors is refused only where they are needed", "[ddp]") {
  const bool find = GENERATE(false, true);
  const auto failures = try_ranks(2, [&](const Group& group) {
    auto net = std::make_shared<NetImpl<user::Opaque>>();
    for (auto& parameter : net->named_children()["spare"]->parameters()) parameter.set_requires_grad(false);
    DdpOptions options;
    options.find_unused_parameters = find;
    DistributedDataParallel ddp(net, group, options);
    ddp(wave({2, 3}, 0)).logits.sum().backward();
  });
  for (const int rank : {0, 1}) {
    CHECK(failures.is<UsageError>(rank) == find);
    if (find)
      CHECK_THAT(failures.message(rank), Catch::Matchers::ContainsSubstring("collect_tensors for user::Opaque"));
  }
}

struct NormedImpl : torch::nn::Module {
  explicit NormedImpl(double phase) {
    const c10::AutoGradMode no_graph(false);
    int i = 0;
    for (auto& parameter : parameters()) parameter.copy_(wave(parameter.sizes(), phase + i++));
  }
  at::Tensor forward(const at::Tensor& rows) { return last(norm(rows)); }
  torch::nn::BatchNorm1d norm = register_module("norm", torch::nn::BatchNorm1d(3));
  torch::nn::Linear last = register_module("last", torch::nn::Linear(3, 2));
};
TORCH_MODULE(Normed);

TEST_CASE("a module holder trains, accumulates and keeps its buffers like rank 0", "[ddp]") {
  struct Result {
    std::vector<at::Tensor> weights;
    at::Tensor running_mean;
    int64_t num_reductions;
  };
  const auto results = run_ranks(2, [](const Group& group) {
    Normed net(group->rank());
    DistributedDataParallel<Normed> ddp(net, group);
    torch::optim::SGD optimizer(net->parameters(), 0.1);
    for (int step = 0; step < 3; ++step) {
      optimizer.zero_grad();
      {
        const auto alone = ddp.no_sync();
        ddp(wave({4, 3}, 10 * group->rank() + step)).pow(2).mean().backward();
      }
      ddp(wave({4, 3}, 20 * group->rank() + step)).pow(2).mean().backward();
      optimizer.step();
    }
    {
      const c10::AutoGradMode evaluation(false);
      if (group->rank() == 0) ddp(wave({4, 3}, 0));
    }
    ddp.synchronizer().check_in_sync("at the end");
    ddp.synchronizer().before_forward(ddp.module()->is_training());
    return Result{testing::copies_of(net->parameters()), net->norm->running_mean.clone(),
                  ddp.synchronizer().num_reductions()};
  });
  CHECK(bit_equal(results[0].weights, results[1].weights));
  CHECK(at::equal(results[0].running_mean, results[1].running_mean));
  CHECK(results[0].num_reductions == 3);
}

TEST_CASE("zero_grad keeps gradients in their buckets", "[ddp]") {
  const auto shared = run_ranks(2, [](const Group& group) {
    Normed net(0);
    DdpOptions options;
    options.gradient_as_bucket_view = true;
    DistributedDataParallel<Normed> ddp(net, group, options);
    torch::optim::SGD optimizer(net->parameters(), 0.1);
    int num_kept = 0;
    for (int step = 0; step < 3; ++step) {
      const void* before = net->last->weight.grad().defined() ? net->last->weight.grad().data_ptr() : nullptr;
      ddp.zero_grad();
      ddp(wave({4, 3}, group->rank() + step)).pow(2).mean().backward();
      num_kept += net->last->weight.grad().data_ptr() == before;
      optimizer.step();
    }
    ddp.synchronizer().check_in_sync("at the end");
    return num_kept;
  });
  CHECK(shared == std::vector<int>{1, 1});  // the buckets are new in the second step
}

TEST_CASE("with one process the wrapper is the module", "[ddp]") {
  Normed net(0);
  Normed plain(0);
  DistributedDataParallel<Normed> ddp(net, ProcessGroup::single());
  ddp(wave({4, 3}, 0)).sum().backward();
  plain(wave({4, 3}, 0)).sum().backward();
  CHECK(bit_equal(gradients_of(net->parameters()), gradients_of(plain->parameters())));
  CHECK(ddp.module().get() == net.get());
}

}  // namespace
}  // namespace canine
