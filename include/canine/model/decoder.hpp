#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "canine/model/layers.hpp"
#include "canine/model/mixer.hpp"
#include "canine/model/options.hpp"

namespace canine {

class DecoderLayer;

/// What position-by-position decoding keeps per layer. B rows, L positions at most, T characters, H width.
struct DecoderCache {
  struct Layer {
    at::Tensor self_key, self_value;      ///< [B, L, H], filled up to the position decoded last
    at::Tensor memory_key, memory_value;  ///< [B, T, H]
  };
  std::vector<Layer> layers;
  at::Tensor memory_mask;  ///< as `attend` takes it; undefined = all characters are seen
};

/// What padding tokens do to self-attention: in the Python program's training and validation their scores get + 1
/// (its "true = padding" mask is added as a number), in its decoding nothing.
enum class PadBonus { kOne, kNone };

/// Autoregressive decoder over label indices with cross-attention to the encoder's characters.
/// Parameter paths are those of histocc/layers/decoder.py and torch.nn.TransformerDecoder (post-norm, ReLU).
class MixerDecoderImpl : public torch::nn::Module {
 public:
  explicit MixerDecoderImpl(const MixerOptions& options);
  ~MixerDecoderImpl() override;

  /// Teacher forcing: target_input [B, S] int64, memory [B, T, H], memory_mask as `attend` takes it or undefined.
  /// Returns logits [B, S, V].
  at::Tensor forward(const at::Tensor& target_input, const at::Tensor& memory, const at::Tensor& memory_mask,
                     PadBonus bonus = PadBonus::kOne);

  /// Decoding of up to `length` positions one by one (PadBonus::kNone).
  DecoderCache start(const at::Tensor& memory, const at::Tensor& memory_mask, int64_t length);

  /// Logits [B, V] after the token [B] at `position`; positions come in order 0, 1, ... Needs no-grad mode.
  at::Tensor step(const at::Tensor& token, int64_t position, DecoderCache& cache);

  void set_observer(StageObserver observer);

 private:
  at::Tensor embed(const at::Tensor& tokens, int64_t position);
  at::Tensor self_mask(const at::Tensor& target_input, PadBonus bonus);

  MixerOptions options_;
  std::shared_ptr<Embedding> token_embedding_;
  at::Tensor positions_;  ///< buffer [decoder_positions, 1, H]
  std::shared_ptr<LayerList<DecoderLayer>> layers_;
  std::shared_ptr<Linear> head_;
  at::Tensor causal_;  ///< [decoder_positions, decoder_positions], kept on the device of the last input
  StageObserver observer_;
};

}  // namespace canine
