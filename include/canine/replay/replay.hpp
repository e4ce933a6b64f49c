#pragma once

#include <filesystem>

#include "canine/model/options.hpp"

namespace canine {

/// Runs the model on a folder of the reference's inputs and writes what it computes, for anyone who doubts a build.
///
/// Reads from `folder` (laid out like tests/fixtures/tiny_a):
///   spec.json                 formatter ("gpf" with target_cols and block_size, "hisco", "occ1950"), learning_rate,
///                             warmup_pct, epochs, seq2seq_weight, steps_seq2seq_weight
///   encoder/config.json       shape of the encoder
///   model.safetensors         all weights; classes, decoder layers and feed-forward width from their shapes. The
///                             heads must fit the formatter
///   batch.safetensors         input_ids, attention_mask, targets_seq2seq, targets_linear
///   step_batches.safetensors  the same as `{i}.input_ids`, ...; i = 0, 1, ...
///   long_text.safetensors, trained.safetensors   optional
///
/// Writes into `out` under the same names and in the same layout:
///   activations.safetensors   every stage of one forward pass, in data-flow order
///   losses.json               losses, gradient norm and metrics at the start weights
///   gradients.safetensors     of the total loss, whole tensors under the parameters' names
///   greedy.json               decoded tokens, their probabilities, top five of the flat head
///   steps.json                each of batches * epochs optimizer steps, metrics and sums of all tensors after them
///   long_text.safetensors     encoder on a long input; greedy_trained.json, trained.json with the trained weights
/// Everything runs in float32 on the CPU without dropout.
struct ReplayOptions {
  std::filesystem::path folder;
  std::filesystem::path out;
  bool overwrite = false;  ///< files that are there in `out` may be replaced
  Attention attention = Attention::kSdpa;
};

/// Throws UsageError if `folder` is none or is `out`, or if a file that would be written is there already (or is one of
/// the inputs, or something that is no file), before any work; DataError naming the file and the key for missing or
/// impossible input, CheckpointError for unreadable tensors or weights that do not fit, CannotWriteError.
void replay(const ReplayOptions& options);

}  // namespace canine
