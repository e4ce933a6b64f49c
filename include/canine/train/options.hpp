#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "canine/data/batch.hpp"
#include "canine/data/sampler.hpp"
#include "canine/dist/gradient_synchronizer.hpp"
#include "canine/launch/launch_context.hpp"
#include "canine/text/text_cleaning.hpp"
#include "canine/train/batch_plan.hpp"

namespace canine {

/// Arithmetic of the forward pass; weights, gradients, optimizer, LayerNorm, softmax and losses stay float32.
enum class Precision {
  kFp32,
  kTf32,  ///< float32 with TF32 matrix products on GPUs
  kBf16,  ///< bfloat16 autocast
  kFp16,  ///< float16 autocast with loss scaling, GPUs only
};

/// Over which rows the sequence loss counts its filled blocks (K of objective/mixer_loss.hpp).
enum class LossScope {
  kProcess,  ///< one process's micro-batch, as in the Python program: the loss depends on how rows are spread
  kGlobal,   ///< all rows of the update: any number of processes and micro-batches gives the loss of one big batch
};

/// The words of the flags: "reference", "mask"; "fp32", "tf32", "bf16", "fp16"; "process", "global".
const char* name_of(Padding padding);
const char* name_of(Precision precision);
const char* name_of(LossScope scope);

/// How a training run goes. Data, model shape and augmentation have option structs of their own.
struct TrainOptions {
  std::filesystem::path save_path = "./Finetuned/";
  int64_t num_epochs = 5;
  int64_t batch_size = 128;                  ///< rows; of one process or of all, see BatchMeaning
  std::optional<int64_t> global_batch_size;  ///< rows of one update of all processes, instead of batch_size
  int64_t grad_accum_steps = 1;              ///< micro-batches of each process in one update
  double learning_rate = 2e-5;               ///< peak rate before lr_scale, >= 0
  LrScale lr_scale = LrScale::kNone;
  std::optional<int64_t> lr_ref_batch;  ///< rows for which learning_rate was chosen; none = one process's of an update
  DistributedSampler::Remainder remainder = DistributedSampler::Remainder::kDrop;  ///< rows left over by the processes
  LossScope loss_scope = LossScope::kProcess;
  double weight_decay = 0.01;
  double clip_norm = 1.0;               ///< largest 2-norm of all gradients; 0 = no clipping
  double warmup_pct = 0.05;             ///< share of all steps, in [0, 1]
  std::optional<int64_t> warmup_steps;  ///< instead of the share
  double seq2seq_weight = 0.1;          ///< w of w * sequence loss + (1 - w) * flat loss, in [0, 1]
  bool freeze_encoder = false;
  Precision precision = Precision::kFp32;
  Padding padding = Padding::kReference;
  int64_t max_len = 128;
  TextCleaning cleaning = {};

  int64_t log_interval = 100;    ///< batches of the epoch between lines
  int64_t eval_interval = 1000;  ///< steps between validations
  int64_t eval_batch_size = 0;   ///< rows of a validation batch for any number of processes; 0 = batch_size as typed
  bool eval_at_start = false;    ///< validate before the first step too (console and result only, no line in logs.csv)
  int64_t save_interval = 1000;  ///< steps between checkpoints
  bool save_each_epoch = false;  ///< checkpoints at the ends of epochs instead
  int keep_last = 0;             ///< newest checkpoints kept, 0 = all
  std::string keep_best;         ///< "seq_acc", "token_acc", "flat_acc", "val_loss" or "" = none
  int64_t max_nonfinite_steps = 10;  ///< skipped steps in a row after which the run stops

  int num_workers = 0;      ///< loader threads
  int prefetch_factor = 4;  ///< batches made ahead per worker
  bool pin_memory = true;   ///< only with a GPU
  uint64_t seed = 0;        ///< of shuffling, dropout and augmentation

  int64_t check_sync = 0;  ///< steps between comparisons of the weights of all processes; 0 = none
  /// The model's buffers are constants, so they are not sent; gradients live in the buckets.
  DdpOptions ddp = default_ddp();

  /// Throws UsageError naming the flag, the value and the range.
  void validate() const;

  static DdpOptions default_ddp();

  /// What they mean for the processes of a job. Throws UsageError as BatchPlan::of.
  BatchPlan plan_batches(const LaunchContext& launch) const;
};

}  // namespace canine
