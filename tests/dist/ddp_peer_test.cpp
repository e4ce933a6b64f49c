#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/linear.h>
#include <torch/optim/sgd.h>

#include "canine/dist/distributed_data_parallel.hpp"
#include "dist/toy_net.hpp"
// LibTorch's CHECK must not win.
#undef CHECK

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "canine/core/file.hpp"
#include "canine/optim/adamw.hpp"
#include "dist/ranks.hpp"
#include "support/temporary_folder.hpp"
#include "test_paths.hpp"

// The same training by torch.nn.parallel.DistributedDataParallel in Python processes (ddp_peer.py) and by ours.

namespace canine {
namespace {

using testing::run_ranks;
using testing::wave;
using Group = std::shared_ptr<ProcessGroup>;

struct NetImpl : torch::nn::Module {
  explicit NetImpl(double phase) {
    first = register_module("first", torch::nn::Linear(6, 16));
    norm = register_module("norm", torch::nn::BatchNorm1d(16));
    second = register_module("second", torch::nn::Linear(16, 4));
    const c10::AutoGradMode no_graph(false);
    int i = 0;
    for (auto& parameter : parameters()) parameter.copy_(wave(parameter.sizes(), phase + i++));
  }
  at::Tensor forward(const at::Tensor& rows) { return second(at::tanh(norm(first(rows)))); }

  torch::nn::Linear first{nullptr}, second{nullptr};
  torch::nn::BatchNorm1d norm{nullptr};
};
TORCH_MODULE(Net);

constexpr int kRows = 5;
constexpr int kSteps = 5;

/// What the Python program wrote, made once.
const testing::TemporaryFolder& peer() {
  static const testing::TemporaryFolder folder;
  static const int status = [] {
    if (!std::filesystem::exists(CANINE_PYTHON)) return -1;
    const std::string command = "OMP_NUM_THREADS=1 '" CANINE_PYTHON "' '" CANINE_SOURCE "/tests/dist/ddp_peer.py' '" +
                                folder.path().string() + "'";
    return std::system(command.c_str());
  }();
  if (status == -1) SKIP("no Python with torch: " CANINE_PYTHON);
  REQUIRE(status == 0);
  return folder;
}

at::Tensor floats_of(const std::filesystem::path& path) {
  const std::string bytes = read_file(path);
  at::Tensor values = at::empty({static_cast<int64_t>(bytes.size() / sizeof(float))});
  std::memcpy(values.data_ptr(), bytes.data(), bytes.size());
  return values;
}

DdpOptions options_of(const std::string& variant) {
  DdpOptions options;
  if (variant != "plain") options.bucket_cap_mb = 200.0 / (1 << 20);
  options.gradient_as_bucket_view = variant == "view";
  options.find_unused_parameters = variant == "unused";
  options.static_graph = variant == "static";
  return options;
}

/// Gradients of the last step, weights and buffers, in one row; and how many of them come before the first bias.
at::Tensor train(const Group& group, const std::string& optimizer, const std::string& variant) {
  Net net(10.0 * group->rank());
  DistributedDataParallel<Net> ddp(net, group, options_of(variant));
  torch::optim::SGD sgd(net->parameters(), torch::optim::SGDOptions(0.1).momentum(0.9));
  AdamW adamw(net->parameters(), {.learning_rate = 0.01, .weight_decay = 0.01});
  for (int step = 0; step < kSteps; ++step) {
    const at::Tensor rows = wave({group->world() * kRows, 6}, 100.0 + step) * 4;
    if (variant == "view") {
      ddp.zero_grad();
    } else {
      net->zero_grad();
    }
    ddp(testing::own_rows(rows, *group)).pow(2).mean().backward();
    if (optimizer == "sgd") {
      sgd.step();
    } else {
      adamw.step(0.01);
    }
  }
  std::vector<at::Tensor> parts;
  for (const auto& parameter : net->parameters()) parts.push_back(parameter.grad().detach().reshape(-1));
  for (const auto& parameter : net->parameters()) parts.push_back(parameter.detach().reshape(-1));
  for (const auto& buffer : net->buffers()) parts.push_back(buffer.to(at::kFloat).reshape(-1));
  return at::cat(parts);
}

TEST_CASE("five steps equal those of Python's DistributedDataParallel", "[peer]") {
  const int world = GENERATE(2, 3);
  const std::string optimizer = GENERATE("sgd", "adamw");
  const std::string variant = GENERATE("plain", "small", "view", "unused", "static");
  CAPTURE(world, optimizer, variant);
  const at::Tensor expected = floats_of(peer() / fmt::format("{}_{}_{}.f32", optimizer, world, variant));
  const at::Tensor ours = run_ranks(world, [&](const Group& group) { return train(group, optimizer, variant); })[0];
  REQUIRE(ours.sizes() == expected.sizes());

  // The bias in front of the normalization has no true gradient: what there is, is rounding, which AdamW turns into
  // steps of full length.
  const int64_t num_parameters = 6 * 16 + 16 + 16 + 16 + 16 * 4 + 4;
  at::Tensor relevant = at::ones_like(expected);
  if (optimizer == "adamw") {
    relevant.slice(0, num_parameters + 96, num_parameters + 112).zero_();
    relevant.slice(0, 2 * num_parameters, 2 * num_parameters + 16).zero_();  // the running mean of what it shifts
  }
  const at::Tensor difference = (ours - expected).abs() / expected.abs().clamp_min(0.01) * relevant;
  CHECK(difference.max().item<double>() < (optimizer == "sgd" ? 1e-6 : 1e-5));
}

}  // namespace
}  // namespace canine
