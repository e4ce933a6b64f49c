#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>

#include "canine/data/batch.hpp"
#include "canine/model/mixer.hpp"
#include "canine/objective/mixer_loss.hpp"
#include "canine/optim/adamw.hpp"
#include "canine/optim/loss_scaler.hpp"
#include "canine/train/options.hpp"

namespace canine {

/// Tensors of `batch` on `device`; copies from pinned memory do not wait.
Batch to_device(const Batch& batch, c10::Device device);

/// One update of the weights: forward, backward, clip, update. Waits for nothing: what it returns lives on the device.
class TrainingStep {
 public:
  /// Scalars (float32) on the device.
  struct Outcome {
    at::Tensor loss;           ///< total loss before the update
    at::Tensor gradient_norm;  ///< before clipping
    at::Tensor skipped;        ///< 1 where loss or gradient were not finite and the update was left out, else 0
  };

  /// Freezes the encoder if options.freeze_encoder; the optimizer gets the parameters that need a gradient.
  TrainingStep(Mixer model, c10::Device device, const LossLayout& layout, const TrainOptions& options);

  /// `step` counts from 0 and, with the seed, decides dropout; `learning_rate` is that of this update.
  Outcome run(const Batch& batch, int64_t step, double learning_rate);

  /// Forward pass in float32 whatever the precision of training, as the Python program validates.
  MixerOutput validation_forward(const Batch& device_batch);

  AdamW& optimizer() { return optimizer_; }
  LossScaler& scaler() { return scaler_; }
  const LossLayout& layout() const { return layout_; }

 private:
  MixerOutput forward(const Batch& device_batch);

  Mixer model_;
  c10::Device device_;
  LossLayout layout_;
  TrainOptions options_;
  AdamW optimizer_;
  LossScaler scaler_;
};

}  // namespace canine
