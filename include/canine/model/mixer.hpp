#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "canine/model/options.hpp"

namespace canine {

class CanineEncoderImpl;
class MixerDecoderImpl;
class Linear;

struct EncoderOutput {
  at::Tensor memory;  ///< [B, T, H], one vector per character
  at::Tensor pooled;  ///< [B, H], tanh of the deep encoder's first position
};

struct MixerOutput {
  at::Tensor sequence_logits;  ///< [B, S, V]; position t predicts target t + 1; undefined without a decoder
  at::Tensor flat_logits;      ///< [B, C]; undefined without a flat head
};

/// Called with the name of a stage ("encoder.embeddings", "encoder.deep.0", "decoder.layer.1", ...) and its output, in
/// data-flow order. Names are those of the fixtures' activations.
using StageObserver = std::function<void(const std::string& stage, const at::Tensor& output)>;

/// Which parameters a new model gives random values. The others hold undefined memory until a state dict is loaded.
enum class InitialValues {
  kAll,
  kDecoderAndHead,  ///< the encoder's come from a file
  kNone,            ///< all come from a file
};

/// CANINE encoder, autoregressive decoder over label blocks, and flat multi-label head in one module.
/// Submodules `encoder`, `decoder`, `linear_decoder`: parameter paths are the keys of the Python program's checkpoints.
/// Without a flat head it is the Python program's seq2seq model, without a decoder its flat model; what is not there
/// has no parameters, and asking for it throws InternalError. Source: histocc/model_assets.py (Seq2SeqMixerOccCANINE,
/// Seq2SeqOccCANINE, CANINEOccupationClassifier).
class MixerImpl : public torch::nn::Module {
 public:
  /// Parameters are made on the CPU, with values drawn from torch's default generator (model/initialization.hpp).
  /// Throws UsageError if the options do not fit each other.
  explicit MixerImpl(const MixerOptions& options, InitialValues values = InitialValues::kAll);
  ~MixerImpl() override;

  /// input_ids, attention_mask [B, T] int64; target_input [B, S] int64 = targets without their last element.
  MixerOutput forward(const at::Tensor& input_ids, const at::Tensor& attention_mask, const at::Tensor& target_input);

  EncoderOutput encode(const at::Tensor& input_ids, const at::Tensor& attention_mask);

  /// The pooled output alone, which the flat head needs (CanineEncoderImpl::pool).
  at::Tensor pool(const at::Tensor& input_ids, const at::Tensor& attention_mask);

  /// [B, C] flat logits without the dropout on logits (prediction).
  at::Tensor flat_logits(const at::Tensor& pooled);

  /// Mask of cross-attention for characters that are padding ([B, 1, 1, T], added to the scores); undefined unless
  /// options().mask_memory_padding.
  at::Tensor memory_mask(const at::Tensor& attention_mask) const;

  const MixerOptions& options() const { return options_; }
  bool has_decoder() const { return decoder_ != nullptr; }
  bool has_flat_head() const { return linear_decoder_ != nullptr; }
  CanineEncoderImpl& encoder() { return *encoder_; }
  MixerDecoderImpl& decoder();

  /// Empty = none, as at the start.
  void set_observer(const StageObserver& observer);

 private:
  MixerOptions options_;
  std::shared_ptr<CanineEncoderImpl> encoder_;
  std::shared_ptr<MixerDecoderImpl> decoder_;
  std::shared_ptr<Linear> linear_decoder_;
  StageObserver observer_;
};
TORCH_MODULE(Mixer);

/// All parameters and the sinusoid buffer by name, in the order of the Python program's state dict. Tensors share
/// memory with the module and are detached.
std::vector<std::pair<std::string, at::Tensor>> state_dict(torch::nn::Module& module);

/// Older transformers releases stored this constant with the weights.
bool is_position_ids(std::string_view name);

/// Copies values into the module. Strict: throws CheckpointError listing missing and unexpected keys and shapes that
/// differ (a stray is_position_ids is ignored). `what` names the source in the message.
void load_state_dict(torch::nn::Module& module, const std::vector<std::pair<std::string, at::Tensor>>& values,
                     const std::string& what);

}  // namespace canine
