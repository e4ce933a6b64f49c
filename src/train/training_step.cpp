#include "canine/train/training_step.hpp"

#include <ATen/Context.h>

#include <optional>
#include <utility>

#include "canine/optim/autocast.hpp"
#include "canine/optim/gradients.hpp"

namespace canine {
namespace {

std::vector<at::Tensor> trained_parameters(Mixer& model, bool freeze_encoder) {
  std::vector<at::Tensor> parameters;
  for (auto& item : model->named_parameters()) {
    if (freeze_encoder && item.key().starts_with("encoder.")) {
      item.value().set_requires_grad(false);
    } else {
      parameters.push_back(item.value());
    }
  }
  return parameters;
}

AdamW::Options adamw_options(const TrainOptions& options) {
  AdamW::Options adamw;
  adamw.learning_rate = options.learning_rate;
  adamw.weight_decay = options.weight_decay;
  return adamw;
}

LossScaler::Options scaler_options(const TrainOptions& options) {
  LossScaler::Options scaler;
  scaler.enabled = options.precision == Precision::kFp16;
  return scaler;
}

std::optional<at::ScalarType> autocast_type(Precision precision) {
  switch (precision) {
    case Precision::kBf16:
      return at::kBFloat16;
    case Precision::kFp16:
      return at::kHalf;
    case Precision::kFp32:
    case Precision::kTf32:
      break;
  }
  return std::nullopt;
}

/// Dropout of a step is a function of (seed, step): SplitMix64 of both seeds the generators, so that a resumed run
/// needs no generator state and draws the same masks.
void seed_step(uint64_t seed, int64_t step) {
  uint64_t z = seed + 0x9E3779B97F4A7C15u * (static_cast<uint64_t>(step) + 1);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  at::manual_seed(z ^ (z >> 31));
}

}  // namespace

Batch to_device(const Batch& batch, c10::Device device) {
  if (device.is_cpu()) return batch;
  const auto move = [&](const at::Tensor& tensor) { return tensor.to(device, tensor.scalar_type(), true); };
  return {move(batch.input_ids), move(batch.attention_mask), move(batch.targets_seq2seq), move(batch.targets_linear),
          batch.rows};
}

TrainingStep::TrainingStep(Mixer model, c10::Device device, const LossLayout& layout, const TrainOptions& options)
    : model_(std::move(model)),
      device_(device),
      layout_(layout),
      options_(options),
      optimizer_(trained_parameters(model_, options.freeze_encoder), adamw_options(options)),
      scaler_(scaler_options(options), device) {}

MixerOutput TrainingStep::forward(const Batch& batch) {
  const AutocastGuard autocast(device_.type(), autocast_type(options_.precision));
  return validation_forward(batch);
}

MixerOutput TrainingStep::validation_forward(const Batch& batch) {
  const at::Tensor target_input = batch.targets_seq2seq.slice(1, 0, batch.targets_seq2seq.size(1) - 1);
  return model_->forward(batch.input_ids, batch.attention_mask, target_input);
}

TrainingStep::Outcome TrainingStep::run(const Batch& batch, int64_t step, double learning_rate) {
  const Batch b = to_device(batch, device_);
  seed_step(options_.seed, step);
  const MixerOutput output = forward(b);
  const MixerLoss loss = mixer_loss(output.sequence_logits, output.flat_logits, b.targets_seq2seq, b.targets_linear,
                                    layout_, options_.seq2seq_weight);
  scaler_.scale(loss.total).backward();

  const auto& parameters = optimizer_.parameters();
  at::Tensor overflow;
  if (scaler_.enabled()) overflow = scaler_.unscale_and_check(parameters);
  const at::Tensor norm = gradient_norm(parameters);
  const at::Tensor skipped = nonfinite_flag(norm, loss.total);
  clip_gradients(parameters, norm, options_.clip_norm);
  optimizer_.step(learning_rate, skipped);
  if (scaler_.enabled()) scaler_.update(overflow);
  optimizer_.zero_grad();
  return {loss.total.detach(), norm, skipped};
}

}  // namespace canine
