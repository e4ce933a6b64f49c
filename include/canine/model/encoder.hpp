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

  const EncoderOptions& options() const { return options_; }
  void set_observer(StageObserver observer);

 private:
  class Embeddings;
  class Downsampling;
  class Projection;
  using Layers = LayerList<EncoderLayer>;

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
