#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "canine/data/batch.hpp"
#include "canine/dist/distributed_data_parallel.hpp"
#include "canine/model/mixer.hpp"
#include "canine/objective/mixer_loss.hpp"
#include "canine/optim/adamw.hpp"
#include "canine/optim/loss_scaler.hpp"
#include "canine/train/options.hpp"

namespace canine {

/// Tensors of `batch` on `device`; copies from pinned memory do not wait.
Batch to_device(const Batch& batch, c10::Device device);

/// Targets without their last position.
at::Tensor decoder_input(const Batch& batch);

/// What AutocastGuard takes for a precision.
std::optional<at::ScalarType> autocast_type(Precision precision);

/// Logits for the targets of `device_batch`, each position given the true ones before it.
MixerOutput forward_teacher_forced(MixerImpl& model, const Batch& device_batch);

inline void collect_tensors(const MixerOutput& output, std::vector<at::Tensor>& tensors) {
  tensors.push_back(output.sequence_logits);
  tensors.push_back(output.flat_logits);
}

/// One update of the weights by all processes of a group: forward, backward, average, clip, update. Waits for nothing
/// but, in backward, for the other processes: what it returns lives on the device.
class TrainingStep {
 public:
  /// Scalars (float32) on the device; times of the host.
  struct Outcome {
    at::Tensor loss;           ///< this process's before the update, the mean over its rows
    at::Tensor gradient_norm;  ///< of the averaged gradients, before clipping; the same on all ranks
    at::Tensor skipped;        ///< 1 where a loss or a gradient of any rank was not finite, so that all left the update
                               ///< out; else 0
    at::Tensor fault;          ///< 0, 1 = skipped, 2 = skipped, and it was this rank's loss
    double own_seconds = 0;    ///< until the last backward pass, in which gradients are exchanged
  };

  /// Freezes the encoder if options.freeze_encoder; the optimizer gets the parameters that need a gradient. All ranks
  /// get rank 0's weights.
  TrainingStep(Mixer model, c10::Device device, const LossLayout& layout, const TrainOptions& options,
               std::shared_ptr<ProcessGroup> group = ProcessGroup::single());

  /// `micro_batches` (one or more) of this rank; their gradients are weighted by their rows and sent once, during the
  /// last backward pass. `step` counts from 0 and, with the seed, the micro-batch and the rank, decides dropout;
  /// `learning_rate` is that of this update; `filled_blocks` as in mixer_loss. Throws PeerError when others are lost.
  Outcome run(std::span<const Batch> micro_batches, int64_t step, double learning_rate,
              std::optional<int64_t> filled_blocks = std::nullopt);
  Outcome run(const Batch& batch, int64_t step, double learning_rate) {
    return run(std::span(&batch, 1), step, learning_rate);
  }

  /// A forward and a backward pass without an update, by all ranks. The first backward pass decides how gradients are
  /// grouped for sending; with three or more ranks sums depend on it in their last bits, so fresh and resumed runs both
  /// do this once before their first step.
  void settle_buckets(const Batch& batch);

  /// Throws PeerError naming the first parameter that differs between ranks. A collective.
  void check_in_sync(const std::string& what) { parallel_.synchronizer().check_in_sync(what); }

  /// All-reduces of gradient buckets so far.
  int64_t num_reductions() { return parallel_.synchronizer().num_reductions(); }

  AdamW& optimizer() { return optimizer_; }
  LossScaler& scaler() { return scaler_; }
  const LossLayout& layout() const { return layout_; }

 private:
  at::Tensor forward_loss(const Batch& batch, std::optional<int64_t> filled_blocks);
  void backward(const at::Tensor& loss, double share);
  Outcome update(const at::Tensor& loss, double learning_rate);

  Mixer model_;
  c10::Device device_;
  LossLayout layout_;
  TrainOptions options_;
  std::shared_ptr<ProcessGroup> group_;
  AdamW optimizer_;  // before parallel_: it freezes
  LossScaler scaler_;
  DistributedDataParallel<Mixer> parallel_;
};

}  // namespace canine
