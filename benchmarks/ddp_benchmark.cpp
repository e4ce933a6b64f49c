// One rank of a job that times all-reduces of canine::ProcessGroup, or training steps with and without
// canine::DistributedDataParallel. Started by torchrun --no-python, or by benchmarks/compare_ddp.py, where its
// counterpart in Python is. Rank 0 prints medians, one a line: "NAME: VALUE ms".

#include <ATen/Parallel.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <functional>
#include <optional>

#include "benchmark_model.hpp"
#include "canine/core/clock.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/log.hpp"
#include "canine/dist/distributed_data_parallel.hpp"
#include "canine/dist/find_launch.hpp"
#include "canine/dist/job_monitor.hpp"
#include "canine/model/host_memory.hpp"
#include "canine/objective/mixer_loss.hpp"

namespace canine::benchmark {
namespace {

using Group = std::shared_ptr<ProcessGroup>;

struct AllReduceSetting {
  std::vector<int64_t> bytes = {8, 4096, 1'000'000, 25'000'000, 150'000'000};
  int64_t volume = 300;  ///< megabytes per size: how often small and large tensors are sent
  bool no_monitor = false;
};

struct StepSetting {
  std::string model = "mlp";
  std::optional<int64_t> batch;  ///< rows per rank; nullopt = 8, mlp: 64
  int steps = 10;
  bool bucket_view = false;
};

/// Steps before those that count: the buckets are laid out anew at the second one.
constexpr int kWarmUp = 3;

void print_median(const ProcessGroup& group, const std::string& name, const std::vector<double>& seconds) {
  if (group.is_main()) print_stdout_line(fmt::format("{}: {:.5f} ms", name, 1e3 * median(seconds)));
}

/// As init_process_group on the CPU, with the monitor left to the caller.
Group join(bool with_monitor) {
  const LaunchContext launch = find_launch();
  if (!launch.distributed()) return ProcessGroup::single();
  const std::chrono::seconds timeout(120);
  auto store = JobStore::connect(launch, timeout);
  ProcessGroup::Options options;
  options.timeout_init = timeout;
  std::shared_ptr<JobMonitor> monitor;
  if (with_monitor) monitor = std::make_shared<JobMonitor>(*store, JobMonitor::Options::of(launch, *store));
  return ProcessGroup::connect(launch, std::move(store), options, std::move(monitor));
}

/// Sizes take turns, so that a moment of load on the machine hits all of them.
void run_all_reduce(const AllReduceSetting& setting, ProcessGroup& group) {
  constexpr int64_t kPasses = 5;
  constexpr int64_t kLeastCalls = 2;  // of a pass
  constexpr int64_t kMostCalls = 400;
  std::vector<at::Tensor> tensors;
  for (const int64_t bytes : setting.bytes) tensors.push_back(at::zeros({bytes / 4}));
  std::vector<std::vector<double>> seconds(tensors.size());
  for (int64_t pass = 0; pass < kPasses; ++pass) {
    for (size_t i = 0; i < tensors.size(); ++i) {
      const int64_t calls = setting.volume * 1'000'000 / setting.bytes[i] / kPasses;
      group.all_reduce(tensors[i], Reduction::kSum, "a warm-up all-reduce");
      for (int64_t call = 0; call < std::clamp(calls, kLeastCalls, kMostCalls); ++call) {
        const Stopwatch watch;
        group.all_reduce(tensors[i], Reduction::kSum, "an all-reduce");
        seconds[i].push_back(watch.seconds());
      }
    }
  }
  for (size_t i = 0; i < tensors.size(); ++i) {
    print_median(group, fmt::format("all-reduce {} bytes", setting.bytes[i]), seconds[i]);
  }
}

/// 20 linear layers of 704 x 704, about 10 million parameters.
class MlpImpl : public torch::nn::Module {
 public:
  static constexpr int64_t kWidth = 704;
  static constexpr int kLayers = 20;

  MlpImpl() {
    for (int i = 0; i < kLayers; ++i) {
      weights_.push_back(
          register_parameter(fmt::format("weight{}", i), at::randn({kWidth, kWidth}) / std::sqrt(kWidth)));
      biases_.push_back(register_parameter(fmt::format("bias{}", i), at::zeros({kWidth})));
    }
  }

  at::Tensor forward(at::Tensor rows) {
    for (size_t i = 0; i < weights_.size(); ++i) {
      rows = at::linear(rows, weights_[i], biases_[i]);
      if (i + 1 < weights_.size()) rows = at::relu(rows);
    }
    return rows;
  }

 private:
  std::vector<at::Tensor> weights_, biases_;
};
TORCH_MODULE(Mlp);

/// A step is zeroing gradients, forward and backward. The update is left out: it is the same with and without DDP.
struct Steps {
  std::function<void()> plain;  ///< on this rank alone
  std::function<void()> ddp;    ///< gradients are averaged while backward runs
  std::function<void()> after;  ///< the plain step, then one all-reduce of all gradients
};

/// Averages all gradients at once, with nothing to hide behind. `all` is kept from step to step, as buckets are.
void average_gradients(const std::vector<at::Tensor>& parameters, at::Tensor& all, ProcessGroup& group) {
  const c10::AutoGradMode no_graph(false);
  std::vector<at::Tensor> flat;
  for (const auto& parameter : parameters) flat.push_back(parameter.grad().reshape(-1));
  at::cat_out(all, flat);
  all.div_(group.world());
  group.all_reduce(all, Reduction::kSum, "all gradients");
  int64_t begin = 0;
  for (const auto& gradient : flat) {
    gradient.copy_(all.narrow(0, begin, gradient.numel()));
    begin += gradient.numel();
  }
}

/// `alone` becomes a second module on the weights of `model`, without the hooks of DDP. `loss_of` takes anything with
/// the forward of the module.
template <typename Holder, typename LossOf>
Steps make_steps(Holder model, Holder alone, const Group& group, const StepSetting& setting, LossOf loss_of) {
  DdpOptions options;
  options.gradient_as_bucket_view = setting.bucket_view;
  const auto parameters = alone->parameters();
  const auto shared = model->parameters();
  for (size_t i = 0; i < parameters.size(); ++i) parameters[i].set_data(shared[i].detach());
  const auto ddp = std::make_shared<DistributedDataParallel<Holder>>(model, group, options);

  Steps steps;
  steps.plain = [alone, loss_of, drop = !setting.bucket_view]() mutable {
    alone->zero_grad(drop);
    loss_of(*alone).backward();
  };
  steps.after = [plain = steps.plain, parameters, all = at::empty({0}), group]() mutable {
    plain();
    average_gradients(parameters, all, *group);
  };
  steps.ddp = [ddp, loss_of, view = setting.bucket_view]() {
    if (view) {
      ddp->zero_grad();
    } else {
      ddp->module()->zero_grad(true);
    }
    loss_of(*ddp).backward();
  };
  return steps;
}

Steps make_mlp_steps(const StepSetting& setting, const Group& group) {
  const at::Tensor rows = at::randn({setting.batch.value_or(64), MlpImpl::kWidth});
  return make_steps(Mlp(), Mlp(), group, setting, [rows](auto& net) { return net.forward(rows).square().mean(); });
}

Steps make_mixer_steps(const StepSetting& setting, const Group& group) {
  recycle_host_memory();  // as the programs do
  Setting shape;
  shape.size = setting.model;
  shape.batch = setting.batch.value_or(8);
  const RandomBatch batch(shape);
  const auto loss_of = [batch](auto& net) {
    const MixerOutput output =
        net.forward(batch.input_ids, batch.attention_mask, batch.targets_seq2seq.narrow(1, 0, kSequenceLength - 1));
    return mixer_loss(output.sequence_logits, output.flat_logits, batch.targets_seq2seq, batch.targets_linear,
                      LossLayout{}, 0.1)
        .total;
  };
  const MixerOptions options = model_options(shape);
  return make_steps(Mixer(options), Mixer(options, InitialValues::kNone), group, setting, loss_of);
}

std::vector<double> difference(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> result;
  for (size_t i = 0; i < a.size(); ++i) result.push_back(a[i] - b[i]);
  return result;
}

/// The kinds of step take turns; ranks start each together, and the slowest rank's time counts.
void run_steps(const StepSetting& setting, const Group& group) {
  at::manual_seed(1);
  const Steps steps = setting.model == "mlp" ? make_mlp_steps(setting, group) : make_mixer_steps(setting, group);
  const std::array kinds = {&steps.plain, &steps.ddp, &steps.after};
  at::Tensor seconds = at::empty({static_cast<int64_t>(kinds.size()), setting.steps}, at::kDouble);
  for (int step = -kWarmUp; step < setting.steps; ++step) {
    for (size_t kind = 0; kind < kinds.size(); ++kind) {
      group->barrier("the start of a step");
      const Stopwatch watch;
      (*kinds[kind])();
      if (step >= 0) seconds.select(0, static_cast<int64_t>(kind)).select(0, step).fill_(watch.seconds());
    }
  }
  group->all_reduce(seconds, Reduction::kMax, "the times of all ranks");
  const auto times_of = [&](int64_t kind) {
    const double* first = seconds.const_data_ptr<double>() + kind * setting.steps;
    return std::vector<double>(first, first + setting.steps);
  };
  const auto plain = times_of(0), ddp = times_of(1), after = times_of(2);
  print_median(*group, "step alone", plain);
  print_median(*group, "step with DDP", ddp);
  print_median(*group, "step, then one all-reduce", after);
  print_median(*group, "overhead of DDP", difference(ddp, plain));
  print_median(*group, "communication after the step", difference(after, plain));
  print_median(*group, "communication hidden", difference(after, ddp));
}

void run(bool with_monitor, const std::function<void(const Group&)>& body) {
  at::set_num_threads(1);  // ranks share the processor
  const Group group = join(with_monitor);
  try {
    body(group);
    group->shut_down();
  } catch (const PeerError&) {
    throw;
  } catch (const std::exception& error) {
    group->report_fault(error.what());
    throw;
  }
}

}  // namespace
}  // namespace canine::benchmark

int main(int argc, char** argv) {
  using namespace canine;
  benchmark::AllReduceSetting all_reduce;
  benchmark::StepSetting step;
  CLI::App app("Times one rank's all-reduces or training steps; rank 0 prints medians");
  app.require_subcommand(1);
  CLI::App* const all_reduce_command = app.add_subcommand("all-reduce", "float32 tensors of several sizes");
  all_reduce_command->add_option("--bytes", all_reduce.bytes, "sizes")->check(CLI::Range(4, 1'000'000'000));
  all_reduce_command->add_option("--volume", all_reduce.volume, "megabytes to send for each size")
      ->check(CLI::Range(1, 100'000));
  all_reduce_command->add_flag("--no-monitor", all_reduce.no_monitor, "without signs of life");
  CLI::App* const step_command =
      app.add_subcommand("step", "steps without DDP, with it, and with one all-reduce after");
  step_command->add_option("--model", step.model)->check(CLI::IsMember({"mlp", "tiny", "full"}));
  step_command->add_option("--batch", step.batch, "rows per rank; 8, mlp: 64")->check(CLI::Range(1, 100'000));
  step_command->add_option("--steps", step.steps, "steps measured of each kind")->check(CLI::Range(1, 100'000));
  step_command->add_flag("--bucket-view", step.bucket_view, "gradient_as_bucket_view");
  CLI11_PARSE(app, argc, argv);
  try {
    if (all_reduce_command->parsed()) {
      benchmark::run(!all_reduce.no_monitor, [&](const auto& group) { benchmark::run_all_reduce(all_reduce, *group); });
    } else {
      benchmark::run(true, [&](const auto& group) { benchmark::run_steps(step, group); });
    }
    return 0;
  } catch (const Error& error) {
    log_error("{}", error.what());
    return static_cast<int>(error.exit_code());
  } catch (const std::exception& error) {
    log_error("{}", error.what());
    return static_cast<int>(ExitCode::kInternal);
  }
}
