#include "canine/train/run_state.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>
#include <c10/core/GradMode.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "canine/core/errors.hpp"
#include "canine/exchange/label_key_text.hpp"
#include "canine/exchange/wrapped_names.hpp"

namespace canine {
namespace {

using Dict = PickleValue::Dict;
using List = PickleValue::List;
using Tuple = PickleValue::Tuple;

constexpr int64_t kStateFormat = 1;

PickleValue dict(std::vector<std::pair<PickleValue, PickleValue>> items) { return Dict{std::move(items), false}; }

PickleValue model_value(Mixer& model) {
  Dict ordered;
  ordered.ordered = true;
  for (auto& [name, tensor] : state_dict(*model)) ordered.items.emplace_back(name, tensor);
  return ordered;
}

/// Step counts of all parameters with one copy to the host.
std::vector<double> host_steps(std::vector<AdamW::State>& states) {
  std::vector<at::Tensor> steps;
  for (const auto& state : states) steps.push_back(state.step);
  if (steps.empty()) return {};
  const at::Tensor all = at::stack(steps).to(at::kCPU, at::kDouble).contiguous();
  return {all.data_ptr<double>(), all.data_ptr<double>() + all.numel()};
}

PickleValue optimizer_value(AdamW& optimizer, double rate, double base_rate) {
  Dict state;
  const std::vector<double> steps = host_steps(optimizer.states());
  List params;
  for (size_t i = 0; i < steps.size(); ++i) {
    params.emplace_back(static_cast<int64_t>(i));
    if (steps[i] == 0) continue;  // torch.optim has no state for a parameter that never had a gradient
    const AdamW::State& one = optimizer.states()[i];
    state.items.emplace_back(static_cast<int64_t>(i),
                             dict({{"step", one.step}, {"exp_avg", one.exp_avg}, {"exp_avg_sq", one.exp_avg_sq}}));
  }
  const AdamW::Options& options = optimizer.options();
  const PickleValue group = dict({{"lr", rate},
                                  {"betas", Tuple{{options.beta1, options.beta2}}},
                                  {"eps", options.eps},
                                  {"weight_decay", options.weight_decay},
                                  {"amsgrad", false},
                                  {"maximize", false},
                                  {"foreach", PickleValue()},
                                  {"capturable", false},
                                  {"differentiable", false},
                                  {"fused", PickleValue()},
                                  {"decoupled_weight_decay", true},
                                  {"initial_lr", base_rate},
                                  {"params", std::move(params)}});
  return dict({{"state", std::move(state)}, {"param_groups", List{group}}});
}

PickleValue scheduler_value(int64_t step, double rate, double base_rate) {
  return dict({{"base_lrs", List{base_rate}},
               {"last_epoch", step},
               {"_step_count", step + 1},
               {"_is_initial", false},
               {"_get_lr_called_within_step", false},
               {"_last_lr", List{rate}},
               {"lr_lambdas", List{dict({})}}});
}

/// Keys that came with several processes; checkpoints without them were written by one.
void read_job_state(const PickleValue& value, const std::string& path, RunState& state) {
  state.global_batch_size = state.batch_size;
  state.clock.steps_per_epoch = 0;
  state.epoch.loss_by_rank = {state.epoch.loss};
  if (value.find("world_size") == nullptr) return;
  const auto integer = [&](const char* name) { return value.at(name, path).as_int(path + "/" + name); };
  state.world_size = integer("world_size");
  state.grad_accum_steps = integer("grad_accum_steps");
  state.global_batch_size = integer("global_batch_size");
  state.loss_scope = value.at("loss_scope", path).as_string(path + "/loss_scope");
  state.clock = {integer("steps_per_epoch"), integer("origin_step"), integer("origin_epoch")};
  const EpochClock& clock = state.clock;
  if (std::min({state.world_size, state.grad_accum_steps, state.global_batch_size}) < 1 ||
      std::min(clock.steps_per_epoch, clock.origin_epoch) < 0 || clock.origin_step < -clock.steps_per_epoch ||
      clock.steps_per_epoch > std::numeric_limits<int64_t>::max() / state.global_batch_size) {
    throw CheckpointError("{}: the numbers of processes, batches and steps do not make sense", path);
  }
  const std::string losses = path + "/epoch_loss_by_rank";
  state.epoch.loss_by_rank.clear();
  for (const PickleValue& loss : value.at("epoch_loss_by_rank", path).as_sequence(losses)) {
    state.epoch.loss_by_rank.push_back(loss.as_double(losses));
  }
}

PickleValue validation_value(const std::optional<ValidationMetrics>& metrics) {
  if (!metrics) return {};
  return dict({{"val_loss", metrics->loss},
               {"seq_acc", metrics->seq_acc},
               {"token_acc", metrics->token_acc},
               {"flat_acc", metrics->flat_acc}});
}

std::optional<ValidationMetrics> read_validation(const PickleValue& value, const std::string& path) {
  if (value.is_none()) return std::nullopt;
  const auto number = [&](const char* name) { return value.at(name, path).as_double(path + "/" + name); };
  ValidationMetrics metrics;
  metrics.loss = number("val_loss");
  metrics.seq_acc = number("seq_acc");
  metrics.token_acc = number("token_acc");
  metrics.flat_acc = number("flat_acc");
  return metrics;
}

PickleValue settings_value(const RunState& state) {
  Dict settings;
  for (const auto& [flag, value] : state.settings) settings.items.emplace_back(flag, value);
  return settings;
}

PickleValue state_value(const RunState& state) {
  return dict({{"format", kStateFormat},
               {"epoch_loss", state.epoch.loss},
               {"epoch_rows", state.epoch.rows},
               {"epoch_batches", state.epoch.batches},
               {"epoch_batch_seconds", state.epoch.batch_seconds},
               {"epoch_data_seconds", state.epoch.data_seconds},
               {"epoch_loss_by_rank", List(state.epoch.loss_by_rank.begin(), state.epoch.loss_by_rank.end())},
               {"loss_scale", state.scaler.scale},
               {"loss_scale_growth", state.scaler.growth_tracker},
               {"nonfinite_steps", state.nonfinite_steps},
               {"nonfinite_in_a_row", state.nonfinite_in_a_row},
               {"keep_best", state.keep_best},
               {"best_metric", state.best_metric ? PickleValue(*state.best_metric) : PickleValue()},
               {"first_validation", validation_value(state.first_validation)},
               {"seq2seq_weight", state.seq2seq_weight.value_or(0)},
               {"weight_decay", state.weight_decay.value_or(0)},
               {"clip_norm", state.clip_norm.value_or(0)},
               {"seed", static_cast<int64_t>(state.seed)},
               {"batch_size", state.batch_size},
               {"num_rows", state.num_rows},
               {"world_size", state.world_size},
               {"grad_accum_steps", state.grad_accum_steps},
               {"global_batch_size", state.global_batch_size},
               {"loss_scope", state.loss_scope},
               {"steps_per_epoch", state.clock.steps_per_epoch},
               {"origin_step", state.clock.origin_step},
               {"origin_epoch", state.clock.origin_epoch},
               {"num_blocks", state.layout.num_blocks},
               {"block_size", state.layout.block_size},
               {"max_len", state.max_len},
               {"padding", state.padding},
               {"precision", state.precision},
               {"data_fingerprint", state.data_fingerprint},
               {"card", state.card},
               {"settings", settings_value(state)}});
}

RunState read_state(const PickleValue& value, const std::string& source) {
  const std::string path = source + ": canine";
  const auto integer = [&](const char* name) { return value.at(name, path).as_int(path + "/" + name); };
  const auto number = [&](const char* name) { return value.at(name, path).as_double(path + "/" + name); };
  const auto text = [&](const char* name) { return value.at(name, path).as_string(path + "/" + name); };
  if (const int64_t format = integer("format"); format != kStateFormat) {
    throw CheckpointError("{}: written by another version (format {}, this program reads {}); resume with that version",
                          source, format, kStateFormat);
  }
  RunState state;
  state.epoch.loss = number("epoch_loss");
  state.epoch.rows = number("epoch_rows");
  state.epoch.batches = integer("epoch_batches");
  state.epoch.batch_seconds = number("epoch_batch_seconds");
  state.epoch.data_seconds = number("epoch_data_seconds");
  state.scaler = {number("loss_scale"), integer("loss_scale_growth")};
  state.nonfinite_steps = integer("nonfinite_steps");
  state.nonfinite_in_a_row = integer("nonfinite_in_a_row");
  if (!value.at("best_metric", path).is_none()) state.best_metric = number("best_metric");
  state.seed = static_cast<uint64_t>(integer("seed"));
  state.batch_size = integer("batch_size");
  state.num_rows = integer("num_rows");
  state.layout = {integer("num_blocks"), integer("block_size")};
  state.max_len = integer("max_len");
  state.padding = text("padding");
  state.precision = text("precision");
  state.data_fingerprint = text("data_fingerprint");
  if (value.find("card") != nullptr) state.card = text("card");
  if (value.find("first_validation") != nullptr) {
    state.first_validation = read_validation(value.at("first_validation", path), path + "/first_validation");
    state.keep_best = text("keep_best");
    state.seq2seq_weight = number("seq2seq_weight");
    state.weight_decay = number("weight_decay");
    state.clip_norm = number("clip_norm");
  }
  if (const PickleValue* settings = value.find("settings")) {
    for (const auto& [flag, setting] : settings->as_dict(path + "/settings").items) {
      state.settings.emplace(flag.as_string(path + "/settings"), setting.as_string(path + "/settings"));
    }
  }
  read_job_state(value, path, state);
  return state;
}

std::vector<std::pair<std::string, at::Tensor>> read_model(const PickleValue& content, const std::string& source) {
  std::vector<std::pair<std::string, at::Tensor>> tensors;
  for (const auto& [name, tensor] : content.at("model", source).as_dict(source + ": model").items) {
    const std::string& text = name.as_string(source + ": a name in model");
    tensors.emplace_back(text, tensor.as_tensor(fmt::format("{}: model/{}", source, text)));
  }
  return unwrapped(tensors, source);
}

/// A model of another program has its weights under other entries, and nothing that a run could go on with.
void require_entries(const PickleValue& content, const std::string& source) {
  for (const char* entry : {"model", "optimizer", "scheduler", "step", "key"}) {
    if (content.find(entry) != nullptr) continue;
    throw CheckpointError(
        "{}: it lacks the entry '{}', without which a run cannot go on from it; to start a new run from its weights "
        "give --initial-checkpoint {} and another folder for the run",
        source, entry, source);
  }
}

void copy_state(at::Tensor& to, const PickleValue& from, const std::string& path) {
  const at::Tensor& value = from.as_tensor(path);
  if (value.sizes() != to.sizes()) {
    throw CheckpointError("{}: expected shape {}, found {}", path, fmt::join(to.sizes(), "x"),
                          fmt::join(value.sizes(), "x"));
  }
  to.copy_(value);
}

void restore_optimizer(const PickleValue& value, AdamW& optimizer, const std::string& source) {
  const std::string path = source + ": optimizer";
  const auto& groups = value.at("param_groups", path).as_sequence(path + "/param_groups");
  if (groups.size() != 1) throw CheckpointError("{}: expected one parameter group, found {}", path, groups.size());
  const size_t stored = groups[0].at("params", path + "/param_groups/0").as_sequence(path + "/params").size();
  if (stored != optimizer.parameters().size()) {
    throw CheckpointError(
        "{}: the optimizer of this run has {} parameters, the stored one {}. A run with --freeze-encoder can only be "
        "resumed with it, and one without only without",
        source, optimizer.parameters().size(), stored);
  }
  for (auto& state : optimizer.states()) {
    state.step.zero_();
    state.exp_avg.zero_();
    state.exp_avg_sq.zero_();
  }
  for (const auto& [number, state] : value.at("state", path).as_dict(path + "/state").items) {
    const int64_t i = number.as_int(path + "/state");
    const std::string where = fmt::format("{}/state/{}", path, i);
    if (i < 0 || i >= static_cast<int64_t>(stored)) {
      throw CheckpointError("{}: parameter numbers go from 0 to {}", where, stored - 1);
    }
    AdamW::State& own = optimizer.states()[static_cast<size_t>(i)];
    const PickleValue& step = state.at("step", where);
    if (std::holds_alternative<at::Tensor>(step.variant())) {
      copy_state(own.step, step, where + "/step");
    } else {
      own.step.fill_(step.as_double(where + "/step"));  // torch before 2.0 stored a number
    }
    copy_state(own.exp_avg, state.at("exp_avg", where), where + "/exp_avg");
    copy_state(own.exp_avg_sq, state.at("exp_avg_sq", where), where + "/exp_avg_sq");
  }
}

void check_key(const PickleValue& value, const LabelKey* key, const std::string& source) {
  if (value.is_none() || key == nullptr) return;
  LabelKey stored;
  int64_t expected = 0;
  for (const auto& [code, index] : value.as_dict(source + ": key").items) {
    const bool missing = std::holds_alternative<double>(code.variant());
    if (missing) {
      stored.add(std::nullopt);
    } else {
      stored.add(code.as_string(source + ": key"));
    }
    if (index.as_int(source + ": key") != expected++) {
      throw CheckpointError("{}: key: the classes are not numbered 0, 1, 2, ...", source);
    }
  }
  if (!(stored == *key)) {
    throw CheckpointError(
        "{}: its {} codes are not the {} codes of key.csv, so its classes would mean something else. Use the data the "
        "checkpoint was trained on, or another folder for the run",
        source, stored.size(), key->size());
  }
}

}  // namespace

PickleValue checkpoint_content(Mixer& model, AdamW& optimizer, const LinearSchedule& schedule,
                               double base_learning_rate, int64_t step, const LabelKey* key, const RunState& state) {
  const c10::NoGradGuard no_grad;
  const double rate = base_learning_rate * schedule.factor(step);
  return dict({{"model", model_value(model)},
               {"optimizer", optimizer_value(optimizer, rate, base_learning_rate)},
               {"scheduler", scheduler_value(step, rate, base_learning_rate)},
               {"step", step},
               {"key", key == nullptr ? PickleValue() : to_value(*key)},
               {"canine", state_value(state)}});
}

Restored restore_checkpoint(const PickleValue& content, Mixer& model, AdamW& optimizer, const LabelKey* key,
                            const std::string& source) {
  const c10::NoGradGuard no_grad;
  require_entries(content, source);
  check_key(content.at("key", source), key, source);
  load_state_dict(*model, read_model(content, source), source);
  restore_optimizer(content.at("optimizer", source), optimizer, source);
  Restored restored;
  restored.step = content.at("step", source).as_int(source + ": step");
  if (restored.step < 0) throw CheckpointError("{}: step {} is negative", source, restored.step);
  const std::string path = source + ": scheduler/base_lrs";
  const auto& rates = content.at("scheduler", source).at("base_lrs", source + ": scheduler").as_sequence(path);
  if (rates.size() != 1) throw CheckpointError("{}: expected one rate, found {}", path, rates.size());
  restored.base_learning_rate = rates[0].as_double(path);
  if (const PickleValue* own = content.find("canine")) restored.state = read_state(*own, source);
  return restored;
}

namespace {

bool equal_tensors(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes() || a.scalar_type() != b.scalar_type()) return false;
  const at::Tensor x = a.to(at::kCPU).contiguous();
  const at::Tensor y = b.to(at::kCPU).contiguous();
  return std::memcmp(x.const_data_ptr(), y.const_data_ptr(), x.nbytes()) == 0;
}

void require_equal_items(const std::vector<PickleValue>& expected, const std::vector<PickleValue>& found,
                         const std::string& path) {
  if (expected.size() != found.size()) {
    throw InternalError("{}: expected {} items, found {}", path, expected.size(), found.size());
  }
  for (size_t i = 0; i < expected.size(); ++i) require_equal(expected[i], found[i], fmt::format("{}/{}", path, i));
}

std::string name_of_key(const PickleValue& key) {
  const auto* text = std::get_if<std::string>(&key.variant());
  return text != nullptr ? *text : fmt::format("#{}", key.variant().index());
}

}  // namespace

void require_equal(const PickleValue& expected, const PickleValue& found, const std::string& path) {
  const auto differ = [&] { return InternalError("{}: the value read differs from the value written", path); };
  if (expected.variant().index() != found.variant().index()) throw differ();
  std::visit(
      [&](const auto& a) {
        using T = std::decay_t<decltype(a)>;
        const T& b = std::get<T>(found.variant());
        if constexpr (std::is_same_v<T, at::Tensor>) {
          if (!equal_tensors(a, b)) throw differ();
        } else if constexpr (std::is_same_v<T, Dict>) {
          if (a.items.size() != b.items.size()) throw differ();
          for (size_t i = 0; i < a.items.size(); ++i) {
            const std::string below = path + "/" + name_of_key(a.items[i].first);
            require_equal(a.items[i].first, b.items[i].first, below);
            require_equal(a.items[i].second, b.items[i].second, below);
          }
        } else if constexpr (std::is_same_v<T, List>) {
          require_equal_items(a, b, path);
        } else if constexpr (std::is_same_v<T, Tuple> || std::is_same_v<T, PickleValue::Set>) {
          require_equal_items(a.items, b.items, path);
        } else if constexpr (std::is_same_v<T, double>) {
          if (!(a == b || (std::isnan(a) && std::isnan(b)))) throw differ();
        } else if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, int64_t> || std::is_same_v<T, std::string>) {
          if (a != b) throw differ();
        }
      },
      expected.variant());
}

}  // namespace canine
