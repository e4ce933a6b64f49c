#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "canine/model/layers.hpp"
#include "canine/model/mixer.hpp"
#include "canine/model/options.hpp"

namespace canine {

class DecoderLayer;

/// Keys and values of one layer's attention.
struct KeyValue {
  at::Tensor key, value;
};

/// The characters as every position of a row sees them. B rows, T characters, H width.
struct DecoderMemory {
  std::vector<KeyValue> layers;  ///< [B, T, H] each
  at::Tensor mask;               ///< as `attend` takes it; undefined = all characters are seen

  /// Those of some rows; `rows` [N] int64.
  DecoderMemory of_rows(const at::Tensor& rows) const;
};

/// What position-by-position decoding keeps. L positions at most.
struct DecoderCache {
  DecoderMemory memory;
  std::vector<KeyValue> layers;  ///< [B, L, H] each, filled up to the position decoded last
};

/// N label prefixes of D tokens each, the same ones in every row; without layers, the empty prefix.
struct PrefixCache {
  std::vector<KeyValue> layers;  ///< [B, N, D, H] each
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

  /// The same with the characters read before.
  at::Tensor forward(const at::Tensor& target_input, const DecoderMemory& memory, PadBonus bonus);

  DecoderMemory read(const at::Tensor& memory, const at::Tensor& memory_mask);

  // Decoding: PadBonus::kNone, in no-grad mode.

  /// Decoding of up to `length` positions one by one.
  DecoderCache start(const at::Tensor& memory, const at::Tensor& memory_mask, int64_t length);

  /// Logits [B, V] after the token [B] at `position`; positions come in order 0, 1, ...
  at::Tensor step(const at::Tensor& token, int64_t position, DecoderCache& cache);

  /// Decoding of many prefixes of a row at once, each longer by one token than one that came before.
  struct PrefixStep {
    at::Tensor logits;  ///< [B, N, V] after the N prefixes
    PrefixCache cache;  ///< of the N prefixes
  };
  /// Prefix n is prefix parents[n] of `before` followed by tokens[n], which stands at `position` = D. tokens, parents
  /// [N] int64; at position 0 `before` is the empty prefix, `parents` is not looked at.
  PrefixStep step_prefixes(const at::Tensor& tokens, const at::Tensor& parents, int64_t position,
                           const DecoderMemory& memory, const PrefixCache& before);

  void set_observer(StageObserver observer);

 private:
  /// Output of a layer for its input x [B, S, H] and the mask of self-attention.
  using LayerCall = std::function<at::Tensor(size_t layer, const at::Tensor& x, const at::Tensor& self_mask)>;
  at::Tensor forward(const at::Tensor& target_input, PadBonus bonus, const LayerCall& layer);

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
