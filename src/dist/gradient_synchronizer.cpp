#include "canine/dist/gradient_synchronizer.hpp"

#include <c10/core/GradMode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/csrc/autograd/engine.h>
#include <torch/csrc/distributed/c10d/comm.hpp>

#include <algorithm>
#include <span>
#include <unordered_set>

#include "canine/core/errors.hpp"
#include "canine/core/sha256.hpp"
#include "gradient_hooks.hpp"
#include "output_sink.hpp"
#include "plain_message.hpp"
#include "rank_agreement.hpp"
#include "reducer.hpp"

namespace canine {
namespace {

constexpr size_t kBroadcastBytes = size_t{250} << 20;

/// Drops undefined tensors and those that have come under another name.
std::vector<GradientSynchronizer::Named> unique_tensors(std::vector<GradientSynchronizer::Named> tensors) {
  std::unordered_set<const c10::TensorImpl*> seen;
  std::erase_if(tensors, [&](const auto& named) {
    return !named.second.defined() || !seen.insert(named.second.unsafeGetTensorImpl()).second;
  });
  return tensors;
}

std::string hash_of(const at::Tensor& tensor) {
  const at::Tensor bytes = tensor.detach().cpu().contiguous();
  Sha256 hash;
  hash.update(std::span(static_cast<const std::byte*>(bytes.const_data_ptr()), bytes.nbytes()));
  return hash.hex_digest();
}

}  // namespace

void DdpOptions::validate() const {
  if (bucket_cap_mb && !(*bucket_cap_mb > 0 && *bucket_cap_mb <= 1 << 20)) {
    throw UsageError("bucket_cap_mb is {}; expected MiB above 0", *bucket_cap_mb);
  }
}

struct GradientSynchronizer::State {
  State(std::vector<Named> all_parameters, std::vector<Named> all_buffers, std::shared_ptr<ProcessGroup> its_group,
        const DdpOptions& its_options);
  ~State();

  bool distributed() const { return group->world() > 1; }
  void require_agreement();
  void start_reducer();
  void require_same_freezing() const;
  void begin_step(bool training);
  void run_reducer(const std::function<void()>& body) const;
  void follow_rank_0(const std::vector<Named>& tensors, const std::string& what) const;
  void note_reductions();
  void delay_first_reduction();
  void remove_delays();

  std::vector<Named> parameters;
  std::vector<Named> buffers;
  std::vector<bool> trainable;  // requires_grad of each parameter at construction
  std::shared_ptr<ProcessGroup> group;
  DdpOptions options;
  std::vector<at::Tensor> reduced;                // the trainable parameters
  std::vector<std::string> reduced_names;         // their names
  std::unique_ptr<c10d::CommHookInterface> hook;  // until the reducer has it
  ReducerPtr reducer;
  bool syncing = true;
  bool in_synced_forward = false;
  bool hook_set = false;
  int64_t num_noted = 0;    // all-reduces of finished backward passes
  bool last_noted = false;  // whether those of the last one are among them
  bool first_delayed = false;
  bool delay_queued = false;
  std::vector<std::pair<at::Tensor, unsigned>> delays;
};

GradientSynchronizer::State::State(std::vector<Named> all_parameters, std::vector<Named> all_buffers,
                                   std::shared_ptr<ProcessGroup> its_group, const DdpOptions& its_options)
    : parameters(unique_tensors(std::move(all_parameters))),
      buffers(unique_tensors(std::move(all_buffers))),
      group(std::move(its_group)),
      options(its_options) {
  options.validate();
  if (!distributed()) return;
  for (const auto& [name, parameter] : parameters) {
    trainable.push_back(parameter.requires_grad());
    if (!trainable.back()) continue;
    reduced.push_back(parameter);
    reduced_names.push_back(name);
  }
  require_agreement();
  if (reduced.empty()) {
    throw UsageError("none of the {} parameters requires a gradient, so there is nothing to synchronize",
                     parameters.size());
  }
  if (options.compression != GradientCompression::kNone) {
    const auto dtype = options.compression == GradientCompression::kFp16 ? at::kHalf : at::kBFloat16;
    hook = make_compression_hook(group->c10d(), dtype);
    hook_set = true;
  }
  follow_rank_0(parameters, "sending rank 0's initial weights");
  follow_rank_0(buffers, "sending rank 0's initial buffers");
  // With a static graph, what the reducer sees first must be a pass that is synchronized.
  if (!options.static_graph) start_reducer();
}

GradientSynchronizer::State::~State() { remove_delays(); }

void GradientSynchronizer::State::require_agreement() {
  std::vector<std::string> lines = {
      fmt::format("the options broadcast_buffers={} bucket_cap_mb={} find_unused_parameters={} static_graph={} "
                  "gradient_as_bucket_view={} compression={}",
                  options.broadcast_buffers, options.bucket_cap_mb.value_or(0), options.find_unused_parameters,
                  options.static_graph, options.gradient_as_bucket_view, static_cast<int>(options.compression))};
  const auto add = [&](const char* kind, const std::vector<Named>& tensors) {
    for (const auto& [name, tensor] : tensors) {
      lines.push_back(fmt::format(
          "{} '{}' {}[{}]{}{}", kind, name, c10::toString(tensor.scalar_type()), fmt::join(tensor.sizes(), ", "),
          tensor.is_contiguous() ? "" : fmt::format(" strides {}", fmt::join(tensor.strides(), ", ")),
          tensor.requires_grad() ? ""
          : kind[0] == 'p'       ? ", frozen"
                                 : ""));
    }
  };
  add("parameter", parameters);
  add("buffer", buffers);
  const auto difference = find_disagreement(*group, lines, "comparing the models of all ranks");
  if (!difference) return;
  throw UsageError("the ranks do not have the same model and options: {}. Build the same model on every rank",
                   difference->describe());
}

void GradientSynchronizer::State::start_reducer() {
  reducer = make_reducer(reduced, reduced_names, group->c10d(), options);
  if (hook) reducer->register_comm_hook(std::move(hook));
}

void GradientSynchronizer::State::require_same_freezing() const {
  for (size_t i = 0; i < parameters.size(); ++i) {
    if (parameters[i].second.requires_grad() == trainable[i]) continue;
    throw UsageError(
        "requires_grad of parameter '{}' was {} when its gradients began to be synchronized, and is {} now. "
        "Freeze or thaw parameters before, or make a new DistributedDataParallel",
        parameters[i].first, trainable[i] ? "on" : "off", trainable[i] ? "off" : "on");
  }
}

void GradientSynchronizer::State::run_reducer(const std::function<void()>& body) const {
  try {
    body();
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    std::vector<std::string> names;
    for (const size_t index : parameters_without_gradient(error.what())) {
      if (index < reduced_names.size()) names.push_back(reduced_names[index]);
    }
    if (names.empty()) throw PeerError("preparing the buckets of gradients failed: {}", plain_message(error));
    throw UsageError(
        "{} of {} parameters got no gradient in the last backward pass, so it was not synchronized: {}. Freeze "
        "them before, let every output take part in the loss, or set find_unused_parameters",
        names.size(), reduced_names.size(), fmt::join(names, ", "));
  }
}

void GradientSynchronizer::State::begin_step(bool training) {
  if (!reducer) start_reducer();
  note_reductions();
  remove_delays();
  run_reducer([&] {
    reducer->prepare_for_forward();
    reducer->rebuild_buckets();
  });
  if (training && options.broadcast_buffers) follow_rank_0(buffers, "sending rank 0's buffers");
}

void GradientSynchronizer::State::follow_rank_0(const std::vector<Named>& tensors, const std::string& what) const {
  if (tensors.empty()) return;
  std::vector<at::Tensor> values;  // outside the graph
  for (const auto& [name, tensor] : tensors) values.push_back(tensor.detach());
  try {
    c10d::broadcast_coalesced(group->c10d(), values, kBroadcastBytes);
  } catch (const std::exception& error) {
    throw PeerError("{} failed: {}", what, plain_message(error));
  }
}

void GradientSynchronizer::State::note_reductions() {
  if (!reducer || last_noted) return;
  num_noted += static_cast<int64_t>(reducer->num_started());
  last_noted = true;
}

// With a static graph the reducer only counts in its first backward pass, and reduces all buckets when told that the
// pass is over. The engine runs that after the pass in which one of these hooks, one on each parameter, has fired.
void GradientSynchronizer::State::delay_first_reduction() {
  first_delayed = true;
  for (const auto& parameter : reduced) {
    const auto queue = [this](const at::Tensor&) {
      if (std::exchange(delay_queued, true)) return;
      torch::autograd::Engine::get_default_engine().queue_callback([this] {
        reducer->delay_all_reduce();
        num_noted += static_cast<int64_t>(reducer->num_buckets());
      });
    };
    delays.emplace_back(parameter, parameter.register_hook(queue));
  }
}

void GradientSynchronizer::State::remove_delays() {
  for (const auto& [parameter, number] : delays) parameter.remove_hook(number);
  delays.clear();
}

GradientSynchronizer::GradientSynchronizer(std::vector<Named> parameters, std::vector<Named> buffers,
                                           std::shared_ptr<ProcessGroup> group, const DdpOptions& options)
    : state_(std::make_unique<State>(std::move(parameters), std::move(buffers), std::move(group), options)) {}

GradientSynchronizer::~GradientSynchronizer() = default;

void GradientSynchronizer::before_forward(bool training) {
  if (!state_->distributed()) return;
  state_->require_same_freezing();
  state_->in_synced_forward = state_->syncing && c10::GradMode::is_enabled();
  if (state_->in_synced_forward) state_->begin_step(training);
}

void GradientSynchronizer::after_forward(const std::vector<at::Tensor>& outputs) {
  if (!std::exchange(state_->in_synced_forward, false)) return;
  const bool search = state_->options.find_unused_parameters && !state_->options.static_graph;
  state_->run_reducer([&] { state_->reducer->prepare_for_backward(search ? outputs : std::vector<at::Tensor>()); });
  state_->last_noted = false;
  if (search) tie_outputs(outputs);
  if (state_->options.static_graph && !state_->first_delayed) state_->delay_first_reduction();
}

void GradientSynchronizer::set_syncing(bool syncing) { state_->syncing = syncing; }
bool GradientSynchronizer::syncing() const { return state_->syncing; }

void GradientSynchronizer::zero_grad() {
  const c10::AutoGradMode no_graph(false);
  for (const auto& [name, parameter] : state_->parameters) {
    if (parameter.grad().defined()) parameter.mutable_grad().zero_();
  }
}

void GradientSynchronizer::rehearse(const std::function<void()>& pass) {
  State& state = *state_;
  if (!state.distributed()) return;
  const bool lays_out_anew = state.options.static_graph || !state.options.find_unused_parameters;
  // c10d divides a gradient that is in its bucket already by the world size, and multiplies others by its inverse.
  if (!lays_out_anew && !state.options.gradient_as_bucket_view) return;
  for (const auto& [name, parameter] : state.parameters) {
    if (!parameter.grad().defined()) continue;
    throw UsageError("parameter '{}' has a gradient, which the rehearsal would drop; rehearse before the first step",
                     name);
  }
  std::vector<at::Tensor> kept;
  for (const auto& [name, buffer] : state.buffers) kept.push_back(buffer.detach().clone());
  const int64_t num_before = num_reductions();
  const int num_passes = state.options.static_graph ? 2 : 1;
  for (int i = 0; i < num_passes; ++i) pass();
  if (num_reductions() == num_before) throw InternalError("the rehearsal made no synchronized backward pass");
  state.note_reductions();
  state.remove_delays();
  state.run_reducer([&] { state.reducer->rebuild_buckets(); });
  const c10::AutoGradMode no_graph(false);
  for (size_t i = 0; i < kept.size(); ++i) state.buffers[i].second.copy_(kept[i]);
  if (state.options.gradient_as_bucket_view) {
    zero_grad();
  } else {
    for (const auto& [name, parameter] : state.parameters) parameter.mutable_grad() = at::Tensor();
  }
}

void GradientSynchronizer::set_hook(Hook hook) {
  if (!state_->distributed()) return;
  if (std::exchange(state_->hook_set, true)) {
    throw UsageError("gradients have a hook already (compression counts as one); expected at most one");
  }
  state_->hook = make_user_hook(std::move(hook));
  if (state_->reducer) state_->reducer->register_comm_hook(std::move(state_->hook));
}

int64_t GradientSynchronizer::num_reductions() const {
  const bool running = state_->reducer && !state_->last_noted;
  return state_->num_noted + (running ? static_cast<int64_t>(state_->reducer->num_started()) : 0);
}

void GradientSynchronizer::check_in_sync(const std::string& what) {
  if (!state_->distributed()) return;
  std::vector<std::string> lines;
  for (const auto& [name, parameter] : state_->parameters) {
    lines.push_back(fmt::format("'{}' with hash {:.12}", name, hash_of(parameter)));
  }
  const auto difference = find_disagreement(*state_->group, lines, "comparing the weights of all ranks " + what);
  if (!difference) return;
  throw PeerError(
      "{}: the ranks' weights have drifted apart, first in parameter {}. Gradients of this parameter were not "
      "averaged, or a rank changed it on its own",
      what, difference->describe());
}

const std::shared_ptr<ProcessGroup>& GradientSynchronizer::group() const { return state_->group; }

}  // namespace canine
