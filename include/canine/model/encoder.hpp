#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>
#include <string>

#include "canine/model/encoder_layer.hpp"
#include "canine/model/layers.hpp"
#include "canine/model/mixer.hpp"
#include "canine/model/options.hpp"

namespace canine {

/// CANINE: characters -> hashed embeddings -> local layer -> molecules of four characters -> deep layers -> characters.
/// B rows, T characters, M = T / 4 molecules, H width. Parameter paths are those of transformers.CanineModel.
/// Source: transformers 4.57, models/canine/modeling_canine.py; Clark et al. 2021 (CANINE).
class CanineEncoderImpl : public torch::nn::Module {
 public:
  CanineEncoderImpl(const EncoderOptions& options, Attention attention);
  ~CanineEncoderImpl() override;

  /// input_ids, attention_mask [B, T] int64, 4 <= T <= num_hash_buckets. Throws UsageError for other T.
  EncoderOutput forward(const at::Tensor& input_ids, const at::Tensor& attention_mask);

  /// The pooled output of `forward` alone, [B, H]: without the characters' second half of the way, and with one
  /// position of the last deep layer. Characters that are padding in every row change nothing: a group of four of them
  /// is never seen, so T may be any length of at least 4 ceil(n / 4), n = real characters of the longest row.
  at::Tensor pool(const at::Tensor& input_ids, const at::Tensor& attention_mask);

  const EncoderOptions& options() const { return options_; }
  void set_observer(StageObserver observer);

 private:
  class Embeddings;
  class Downsampling;
  class Projection;
  using Layers = LayerList<EncoderLayer>;

  /// What both outputs are made of: characters after the local layer, molecules before the last deep layer.
  struct Stem {
    at::Tensor characters;                     ///< [B, T, H]
    at::Tensor molecules;                      ///< [B, M, H]
    at::Tensor character_mask, molecule_mask;  ///< as `attend` takes them
  };
  Stem stem(const at::Tensor& input_ids, const at::Tensor& attention_mask);
  EncoderLayer& last_deep_layer() const { return (*deep_layers_)[deep_layers_->size() - 1]; }
  at::Tensor pool_first(const at::Tensor& first) const;

  at::Tensor observe(const std::string& stage, at::Tensor output) const;

  EncoderOptions options_;
  std::shared_ptr<Embeddings> char_embeddings_;
  std::shared_ptr<Layers> initial_layers_;
  std::shared_ptr<Downsampling> chars_to_molecules_;
  std::shared_ptr<Layers> deep_layers_;
  std::shared_ptr<Projection> projection_;
  std::shared_ptr<Layers> final_layers_;
  std::shared_ptr<Linear> pooler_;
  StageObserver observer_;
};

}  // namespace canine
