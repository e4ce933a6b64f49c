#include "canine/train/options.hpp"

#include <fmt/format.h>

#include <cmath>
#include <string_view>

#include "canine/core/errors.hpp"

namespace canine {
namespace {

void require(bool good, const char* flag, const auto& value, std::string_view range) {
  if (!good) throw UsageError("{} {}: expected {}", flag, value, range);
}

// Beyond any real run, and small enough that products of them are whole numbers of 64 bits.
constexpr int64_t kMostEpochs = 1'000'000;
constexpr int64_t kMostRows = 1'000'000'000;
constexpr int64_t kMostAccumulation = 1'000'000;
constexpr int kMostPrefetched = 10'000;

}  // namespace

const char* name_of(Padding padding) { return padding == Padding::kMask ? "mask" : "reference"; }

const char* name_of(Precision precision) {
  switch (precision) {
    case Precision::kFp32:
      return "fp32";
    case Precision::kTf32:
      return "tf32";
    case Precision::kBf16:
      return "bf16";
    case Precision::kFp16:
      return "fp16";
  }
  return "fp32";
}

const char* name_of(LossScope scope) { return scope == LossScope::kGlobal ? "global" : "process"; }

DdpOptions TrainOptions::default_ddp() {
  DdpOptions ddp;
  ddp.broadcast_buffers = false;
  ddp.gradient_as_bucket_view = true;
  return ddp;
}

BatchPlan TrainOptions::plan_batches(const LaunchContext& launch) const {
  const BatchOptions batches{.batch_size = batch_size,
                             .global_batch_size = global_batch_size,
                             .grad_accum_steps = grad_accum_steps,
                             .learning_rate = learning_rate,
                             .lr_scale = lr_scale,
                             .lr_ref_batch = lr_ref_batch};
  const bool own_processes = launch.launcher == Launcher::kSelf;
  return BatchPlan::of(batches, launch.world, own_processes ? BatchMeaning::kWhole : BatchMeaning::kPerProcess);
}

void TrainOptions::validate() const {
  const auto share = [](double value) { return value >= 0 && value <= 1; };
  const auto not_negative = [](double value) { return std::isfinite(value) && value >= 0; };
  require(num_epochs >= 0 && num_epochs <= kMostEpochs, "--num-epochs", num_epochs,
          fmt::format("0 to {} epochs", kMostEpochs));
  require(batch_size >= 1 && batch_size <= kMostRows, "--batch-size", batch_size,
          fmt::format("1 to {} rows", kMostRows));
  require(!global_batch_size || (*global_batch_size >= 1 && *global_batch_size <= kMostRows), "--global-batch-size",
          global_batch_size.value_or(0), fmt::format("1 to {} rows", kMostRows));
  require(grad_accum_steps >= 1 && grad_accum_steps <= kMostAccumulation, "--grad-accum-steps", grad_accum_steps,
          fmt::format("1 to {} batches", kMostAccumulation));
  require(not_negative(learning_rate), "--learning-rate", learning_rate, "a finite number, 0 or more");
  require(not_negative(weight_decay), "--weight-decay", weight_decay, "a finite number, 0 or more");
  require(not_negative(clip_norm), "--clip-norm", clip_norm, "a finite number, 0 (no clipping) or more");
  require(share(warmup_pct), "--warmup-pct", warmup_pct, "a share between 0 and 1 (0.05 means five per cent)");
  require(!warmup_steps || *warmup_steps >= 0, "--warmup-steps", warmup_steps.value_or(0), "0 or more steps");
  require(share(seq2seq_weight), "--seq2seq-weight", seq2seq_weight, "a weight between 0 and 1");
  require(max_len >= 4, "--max-len", max_len, "4 or more characters");
  require(log_interval >= 1, "--log-interval", log_interval, "1 or more batches");
  require(eval_interval >= 1, "--eval-interval", eval_interval, "1 or more steps");
  require(eval_batch_size >= 0 && eval_batch_size <= kMostRows, "--eval-batch-size", eval_batch_size,
          fmt::format("0 (as --batch-size) to {} rows", kMostRows));
  require(check_sync >= 0, "--check-sync", check_sync, "0 (never) or more steps");
  require(save_interval >= 1, "--save-interval", save_interval, "1 or more steps");
  require(keep_last >= 0, "--keep-last", keep_last, "0 (all) or more checkpoints");
  require(keep_best.empty() || keep_best == "seq_acc" || keep_best == "token_acc" || keep_best == "flat_acc" ||
              keep_best == "val_loss",
          "--keep-best", keep_best, "seq_acc, token_acc, flat_acc or val_loss");
  require(max_nonfinite_steps >= 1, "--max-nonfinite-steps", max_nonfinite_steps, "1 or more steps");
  require(num_workers >= 0, "--num-workers", num_workers, "0 or more threads");
  require(prefetch_factor >= 1 && prefetch_factor <= kMostPrefetched, "--prefetch-factor", prefetch_factor,
          fmt::format("1 to {} batches", kMostPrefetched));
}

}  // namespace canine
