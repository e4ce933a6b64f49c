#include "canine/replay/replay.hpp"

#include <ATen/core/grad_mode.h>

#include <system_error>
#include <utility>

#include "canine/checkpoint/safetensors.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/core/new_folder.hpp"
#include "canine/core/output_path.hpp"
#include "canine/decode/flat.hpp"
#include "canine/decode/greedy.hpp"
#include "canine/model/mixer.hpp"
#include "canine/objective/metrics.hpp"
#include "canine/optim/adamw.hpp"
#include "canine/optim/gradients.hpp"
#include "canine/optim/schedule.hpp"
#include "folder.hpp"
#include "json.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;
using replay_files::Folder;
using replay_files::Json;

constexpr double kClipNorm = 1.0;

void write_json(const fs::path& path, const Json& value) { write_file(path, value.dump(1) + "\n", /*sync=*/false); }

double number(const at::Tensor& scalar) { return scalar.item<double>(); }

/// Nested lists of a tensor of int64 or float32.
Json lists(const at::Tensor& tensor) {
  if (tensor.dim() == 0) {
    return tensor.is_floating_point() ? Json(tensor.item<double>()) : Json(tensor.item<int64_t>());
  }
  Json list = Json::array();
  for (int64_t i = 0; i < tensor.size(0); ++i) list.push_back(lists(tensor.select(0, i)));
  return list;
}

MixerOutput forward(Mixer& model, const Batch& batch) {
  return model->forward(batch.input_ids, batch.attention_mask,
                        batch.targets_seq2seq.narrow(1, 0, batch.targets_seq2seq.size(1) - 1));
}

MixerLoss loss_of(const MixerOutput& output, const Batch& batch, const LossLayout& layout, double seq2seq_weight) {
  return mixer_loss(output.sequence_logits, output.flat_logits, batch.targets_seq2seq, batch.targets_linear, layout,
                    seq2seq_weight);
}

Json metrics(Mixer& model, std::span<const Batch> batches, const LossLayout& layout, double seq2seq_weight) {
  const at::NoGradGuard no_grad;
  MetricSums sums(at::kCPU);
  for (const Batch& batch : batches) {
    const MixerOutput output = forward(model, batch);
    sums.add(output.sequence_logits, output.flat_logits, batch.targets_seq2seq, batch.targets_linear, layout,
             seq2seq_weight);
  }
  const ValidationMetrics means = sums.means();
  return {{"loss", means.loss},       {"loss_linear", means.loss_linear}, {"loss_seq2seq", means.loss_seq2seq},
          {"seq_acc", means.seq_acc}, {"token_acc", means.token_acc},     {"flat_acc", means.flat_acc}};
}

/// One forward and backward pass at the start weights: activations, losses, gradients.
void replay_gradients(Mixer& model, const Folder& inputs, const fs::path& out) {
  const replay_files::Spec& spec = inputs.spec;
  NamedTensors activations;
  model->set_observer(
      [&](const std::string& stage, const at::Tensor& output) { activations.emplace_back(stage, output.detach()); });
  const MixerOutput output = forward(model, inputs.batch);
  model->set_observer({});
  write_safetensors(out / "activations.safetensors", activations);

  const MixerLoss loss = loss_of(output, inputs.batch, spec.layout, spec.seq2seq_weight);
  loss.total.backward();
  NamedTensors gradients;
  Json without_gradient = Json::array();
  for (const auto& item : model->named_parameters()) {
    if (const at::Tensor& gradient = item.value().grad(); gradient.defined()) {
      gradients.emplace_back(item.key(), gradient);
    } else {
      without_gradient.push_back(item.key());
    }
  }
  write_safetensors(out / "gradients.safetensors", gradients);

  Json losses = {{"total", number(loss.total)},
                 {"seq2seq", number(loss.seq2seq)},
                 {"linear", number(loss.linear)},
                 {"seq2seq_weight", spec.seq2seq_weight},
                 {"total_gradient_norm", number(gradient_norm(model->parameters()))},
                 {"parameters_without_gradient", without_gradient}};
  losses["metrics_of_batch_at_start"] = metrics(model, {&inputs.batch, 1}, spec.layout, spec.seq2seq_weight);
  losses["loss_by_step_batch_at_start"] = Json::array();
  for (const Batch& batch : inputs.step_batches) {
    losses["loss_by_step_batch_at_start"].push_back(metrics(model, {&batch, 1}, spec.layout, spec.seq2seq_weight));
  }
  losses["metrics_train_at_start"] = metrics(model, inputs.step_batches, spec.layout, spec.seq2seq_weight);
  write_json(out / "losses.json", losses);
}

/// The encoder on an input of several windows.
void replay_long_text(Mixer& model, const Folder& inputs, const fs::path& out) {
  const at::NoGradGuard no_grad;
  const auto& [input_ids, attention_mask] = *inputs.long_text;
  NamedTensors tensors = {{"input_ids", input_ids}, {"attention_mask", attention_mask}};
  model->set_observer([&](const std::string& stage, const at::Tensor& output) { tensors.emplace_back(stage, output); });
  model->encode(input_ids, attention_mask);
  model->set_observer({});
  write_safetensors(out / "long_text.safetensors", tensors);
}

void replay_greedy(Mixer& model, const Batch& batch, const fs::path& path) {
  constexpr int64_t kFlatLogitsShown = 8;
  const GreedyResult result =
      greedy_decode(*model, batch.input_ids, batch.attention_mask, batch.targets_seq2seq.size(1));
  const FlatTopK top = flat_top_k(result.flat_logits);
  write_json(path, {{"tokens", lists(result.tokens)},
                    {"probabilities", lists(result.probabilities)},
                    {"flat_top5", {{"index", lists(top.classes)}, {"probability", lists(top.probabilities)}}},
                    {"flat_logits_decoding", lists(result.flat_logits.slice(1, 0, kFlatLogitsShown))}});
}

/// Sum and absolute sum of every tensor of the state dict.
Json state_sums(Mixer& model) {
  Json sums = Json::object();
  for (const auto& [name, tensor] : state_dict(*model)) {
    const at::Tensor values = tensor.to(at::kDouble);
    sums[name] = {number(values.sum()), number(values.abs().sum())};
  }
  return sums;
}

/// batches * epochs optimizer steps from the weights that the model has.
void replay_steps(Mixer& model, const Folder& inputs, const fs::path& out) {
  const replay_files::Spec& spec = inputs.spec;
  const auto num_batches = static_cast<int64_t>(inputs.step_batches.size());
  const LinearSchedule schedule = LinearSchedule::with_share(num_batches * spec.epochs, spec.warmup_share);
  AdamW optimizer(model->parameters(), {.learning_rate = spec.learning_rate});

  Json steps = Json::array();
  for (int64_t step = 0; step < schedule.total_steps; ++step) {
    const int64_t index = step % num_batches;
    const Batch& batch = inputs.step_batches[static_cast<size_t>(index)];
    const double rate = spec.learning_rate * schedule.factor(step);
    optimizer.zero_grad();
    const MixerLoss loss = loss_of(forward(model, batch), batch, spec.layout, spec.steps_seq2seq_weight);
    loss.total.backward();
    const at::Tensor norm = gradient_norm(optimizer.parameters());
    clip_gradients(optimizer.parameters(), norm, kClipNorm);
    optimizer.step(rate);
    steps.push_back({{"step", step + 1},
                     {"batch", index},
                     {"loss", number(loss.total)},
                     {"loss_seq2seq", number(loss.seq2seq)},
                     {"loss_linear", number(loss.linear)},
                     {"lr_used", rate},
                     {"grad_norm_before_clip", number(norm)}});
  }
  write_json(out / "steps.json",
             {{"optimizer", "AdamW defaults"},
              {"learning_rate", spec.learning_rate},
              {"clip", kClipNorm},
              {"total_steps", schedule.total_steps},
              {"warmup_steps", schedule.warmup_steps},
              {"seq2seq_weight", spec.steps_seq2seq_weight},
              {"steps", steps},
              {"metrics_train_after", metrics(model, inputs.step_batches, spec.layout, spec.seq2seq_weight)},
              {"state_sum_and_abs_sum_after", state_sums(model)}});
}

/// Decoding and metrics with weights that decode to real codes.
void replay_trained(Mixer& model, const Folder& inputs, const fs::path& out) {
  load_state_dict(*model, *inputs.trained_weights, "trained.safetensors");
  replay_greedy(model, inputs.batch, out / "greedy_trained.json");
  write_json(out / "trained.json",
             {{"metrics_train", metrics(model, inputs.step_batches, inputs.spec.layout, inputs.spec.seq2seq_weight)}});
}

/// Whether a file of the folder, under whatever name, is `file`.
bool is_in(const fs::path& folder, const fs::path& file) {
  std::error_code ignored;
  for (const auto& input : fs::directory_iterator(folder, ignored)) {
    if (fs::equivalent(input.path(), file, ignored)) return true;
  }
  return false;
}

/// Nobody's files are replaced unasked, and the inputs never.
void check_out(const ReplayOptions& options) {
  std::error_code ignored;
  if (fs::equivalent(options.folder, options.out, ignored)) {
    throw UsageError("--out {} is the folder that is replayed; its files would be overwritten", options.out.string());
  }
  for (const char* name : {"activations.safetensors", "losses.json", "gradients.safetensors", "greedy.json",
                           "steps.json", "long_text.safetensors", "greedy_trained.json", "trained.json"}) {
    const fs::path file = options.out / name;
    if (!fs::exists(fs::symlink_status(file, ignored))) continue;
    if (is_in(options.folder, file)) {
      throw UsageError("--out {}: {} is a file of the folder that is replayed; give another folder",
                       options.out.string(), file.string());
    }
    if (!options.overwrite) {
      throw UsageError("--out {}: {} is there already; --overwrite replaces it", options.out.string(), file.string());
    }
    regular_output(file);  // throws
  }
}

}  // namespace

void replay(const ReplayOptions& options) {
  check_out(options);
  const Folder inputs = replay_files::read_folder(options.folder, options.attention);
  const NewFolder made(options.out);
  Mixer model(inputs.model, InitialValues::kNone);
  load_state_dict(*model, inputs.weights, (options.folder / "model.safetensors").string());
  model->train();

  replay_gradients(model, inputs, options.out);
  if (inputs.long_text) replay_long_text(model, inputs, options.out);
  replay_greedy(model, inputs.batch, options.out / "greedy.json");
  replay_steps(model, inputs, options.out);
  if (inputs.trained_weights) replay_trained(model, inputs, options.out);
}

}  // namespace canine
