#include "canine/train/training_step.hpp"

#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/where.h>
#include <c10/util/Exception.h>
#include <fmt/format.h>

#include <limits>
#include <new>
#include <utility>

#include "canine/core/clock.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/fault_injection.hpp"
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

/// SplitMix64's finaliser.
uint64_t mixed(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

/// Dropout is a function of (seed, step, micro-batch, rank): SplitMix64 of all seeds the generators, so that a resumed
/// run needs no generator state and draws the same masks.
void seed_dropout(uint64_t seed, int64_t step, size_t micro_batch, int rank) {
  uint64_t key = mixed(seed + 0x9E3779B97F4A7C15u * (static_cast<uint64_t>(step) + 1));
  const uint64_t place = (static_cast<uint64_t>(rank) << 32) | micro_batch;
  if (place != 0) key = mixed(key + 0x9E3779B97F4A7C15u * place);
  at::manual_seed(key);
}

/// NaN instead of `loss` if a test has asked for it here, and the place of other faults in backward.
at::Tensor with_faults(const at::Tensor& loss, int rank, int64_t step) {
  if (fault_point("pre_backward", rank, step) == FaultKind::kNan) {
    return loss * std::numeric_limits<float>::quiet_NaN();
  }
  if (fault_detail::g_armed) {
    loss.register_hook([rank, step](const at::Tensor& gradient) {
      fault_point("in_backward", rank, step);
      return gradient;
    });
  }
  return loss;
}

std::string gradients_of(int64_t step) { return fmt::format("the exchange of gradients of step {}", step + 1); }

/// Runs a part of a step in which this process meets the others. What a collective throws becomes a PeerError that says
/// what is known of the others; faults of this process stay what they are.
template <typename Work>
auto meeting_peers(ProcessGroup& group, int64_t step, const Work& work) {
  if (group.world() == 1) return work();
  try {
    return work();
  } catch (const Error&) {
    throw;
  } catch (const c10::DistError& error) {
    throw group.lost(gradients_of(step), error);
  } catch (const c10::Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {  // Gloo's own classes cannot be named here
    throw group.lost(gradients_of(step), error);
  }
}

}  // namespace

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

at::Tensor decoder_input(const Batch& batch) {
  return batch.targets_seq2seq.slice(1, 0, batch.targets_seq2seq.size(1) - 1);
}

Batch to_device(const Batch& batch, c10::Device device) {
  if (device.is_cpu()) return batch;
  const auto move = [&](const at::Tensor& tensor) { return tensor.to(device, tensor.scalar_type(), true); };
  return {move(batch.input_ids), move(batch.attention_mask), move(batch.targets_seq2seq), move(batch.targets_linear),
          batch.rows};
}

MixerOutput forward_teacher_forced(MixerImpl& model, const Batch& batch) {
  return model.forward(batch.input_ids, batch.attention_mask, decoder_input(batch));
}

TrainingStep::TrainingStep(Mixer model, c10::Device device, const LossLayout& layout, const TrainOptions& options,
                           std::shared_ptr<ProcessGroup> group)
    : model_(std::move(model)),
      device_(device),
      layout_(layout),
      options_(options),
      group_(std::move(group)),
      optimizer_(trained_parameters(model_, options.freeze_encoder), adamw_options(options)),
      scaler_(scaler_options(options), device),
      parallel_(model_, group_, options.ddp) {}

at::Tensor TrainingStep::forward_loss(const Batch& batch, std::optional<int64_t> filled_blocks) {
  const MixerOutput output = [&] {
    const AutocastGuard autocast(device_.type(), autocast_type(options_.precision));
    return parallel_(batch.input_ids, batch.attention_mask, decoder_input(batch));
  }();
  return mixer_loss(output.sequence_logits, output.flat_logits, batch.targets_seq2seq, batch.targets_linear, layout_,
                    options_.seq2seq_weight, filled_blocks)
      .total;
}

/// Gradients of share * loss. A loss that is not finite gives gradients that are not, and so do their averages: all
/// ranks find that out without asking each other.
void TrainingStep::backward(const at::Tensor& loss, double share) {
  at::Tensor seed = scaler_.scale(at::full_like(loss, share));
  if (group_->world() > 1) {
    seed = at::where(at::isfinite(loss), seed, at::full_like(seed, std::numeric_limits<float>::quiet_NaN()));
  }
  loss.backward(seed);
}

TrainingStep::Outcome TrainingStep::run(std::span<const Batch> micro_batches, int64_t step, double learning_rate,
                                        std::optional<int64_t> filled_blocks) {
  const Stopwatch clock;
  int64_t rows = 0;
  for (const Batch& batch : micro_batches) rows += batch.size();
  at::Tensor mean_loss;
  double own_seconds = 0;
  for (size_t micro = 0; micro < micro_batches.size(); ++micro) {
    const bool last = micro + 1 == micro_batches.size();
    std::optional<NoSync> local;
    if (!last) local.emplace(parallel_.synchronizer());
    const Batch batch = to_device(micro_batches[micro], device_);
    const double share = static_cast<double>(batch.size()) / static_cast<double>(rows);
    seed_dropout(options_.seed, step, micro, group_->rank());
    meeting_peers(*group_, step, [&] {
      fault_point("pre_forward", group_->rank(), step + 1);
      const at::Tensor loss = with_faults(forward_loss(batch, filled_blocks), group_->rank(), step + 1);
      if (last) own_seconds = clock.seconds();
      const auto wait = last ? group_->mark_wait(gradients_of(step)) : nullptr;
      backward(loss, share);
      const at::Tensor part = last && micro == 0 ? loss.detach() : loss.detach() * share;
      mean_loss = micro == 0 ? part : mean_loss + part;
    });
  }
  Outcome outcome = update(mean_loss, learning_rate);
  outcome.own_seconds = own_seconds;
  return outcome;
}

TrainingStep::Outcome TrainingStep::update(const at::Tensor& loss, double learning_rate) {
  const auto& parameters = optimizer_.parameters();
  at::Tensor overflow;
  if (scaler_.enabled()) overflow = scaler_.unscale_and_check(parameters);
  const at::Tensor norm = gradient_norm(parameters);
  const at::Tensor skipped = nonfinite_flag(norm, loss);
  clip_gradients(parameters, norm, options_.clip_norm);
  optimizer_.step(learning_rate, skipped);
  if (scaler_.enabled()) scaler_.update(overflow);
  optimizer_.zero_grad();
  Outcome outcome{.loss = loss, .gradient_norm = norm, .skipped = skipped, .fault = skipped};
  if (group_->world() > 1) outcome.fault = skipped + at::isfinite(loss).logical_not();
  return outcome;
}

void TrainingStep::settle_buckets(const Batch& batch) {
  meeting_peers(*group_, 0, [&] { backward(forward_loss(to_device(batch, device_), std::nullopt), 1.0); });
  optimizer_.zero_grad();
}

}  // namespace canine
