#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "canine/checkpoint/named_tensors.hpp"
#include "canine/data/batch.hpp"
#include "canine/model/options.hpp"
#include "canine/objective/mixer_loss.hpp"
#include "canine/text/make_formatter.hpp"

namespace canine::replay_files {

/// What spec.json says about the run.
struct Spec {
  FormatterOptions formatter;
  LossLayout layout;
  double learning_rate = 0;
  double warmup_share = 0;
  double seq2seq_weight = 0;        ///< of losses and gradients
  double steps_seq2seq_weight = 0;  ///< of the optimizer steps
  int64_t epochs = 0;
};

/// An input of several attention windows; [B, T] each.
struct LongText {
  at::Tensor input_ids;
  at::Tensor attention_mask;
};

/// The inputs of a replay, checked against each other.
struct Folder {
  Spec spec;
  MixerOptions model;
  NamedTensors weights;
  Batch batch;
  std::vector<Batch> step_batches;
  std::optional<LongText> long_text;
  std::optional<NamedTensors> trained_weights;  ///< shaped like `weights`
};

/// Throws UsageError if `folder` is none, DataError, CheckpointError (see replay()).
Folder read_folder(const std::filesystem::path& folder, Attention attention);

}  // namespace canine::replay_files
