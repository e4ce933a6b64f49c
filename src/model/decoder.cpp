#include "canine/model/decoder.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/eq.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/full.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/triu.h>
#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <utility>

#include "canine/core/errors.hpp"
#include "canine/model/affine.hpp"
#include "canine/model/attention.hpp"
#include "canine/model/dropout.hpp"

namespace canine {
namespace {

constexpr double kNormEps = 1e-5;
constexpr int64_t kPadToken = 1;  // LabelIndex::kPad

/// Column 2j = sin(t exp(-2j ln 10000 / width)), column 2j + 1 = cos of the same; [positions, 1, width].
at::Tensor sinusoids(int64_t positions, int64_t width) {
  const at::Tensor rates = at::exp(at::arange(0, width, 2, at::kFloat) * (-std::log(10000.0) / width));
  const at::Tensor angles = at::arange(positions, at::kFloat).view({positions, 1}) * rates;
  at::Tensor table = at::empty({positions, 1, width});
  table.view({positions, width / 2, 2}).select(2, 0).copy_(at::sin(angles));
  table.view({positions, width / 2, 2}).select(2, 1).copy_(at::cos(angles));
  return table;
}

/// torch.nn.MultiheadAttention's parameters: query, key and value weights stacked in one matrix.
class StackedAttention : public torch::nn::Module {
 public:
  explicit StackedAttention(int64_t width)
      : in_proj_weight(register_parameter("in_proj_weight", at::empty({3 * width, width}))),
        in_proj_bias(register_parameter("in_proj_bias", at::empty({3 * width}))),
        out_proj(register_module("out_proj", std::make_shared<Linear>(width, width))) {}

  /// Query, key and value of the same x.
  std::vector<at::Tensor> project(const at::Tensor& x) const {
    return affine(x, in_proj_weight, in_proj_bias).chunk(3, -1);
  }

  /// The same parameters for cross-attention: first the query's, then those of key and value together.
  struct Parts {
    std::vector<at::Tensor> weights;
    std::vector<at::Tensor> biases;

    at::Tensor project_query(const at::Tensor& x) const { return affine(x, weights[0], biases[0]); }

    /// Key and value of the encoder's characters.
    std::vector<at::Tensor> project_memory(const at::Tensor& memory) const {
      return affine(memory, weights[1], biases[1]).chunk(2, -1);
    }
  };
  Parts parts() const {
    const int64_t width = in_proj_weight.size(1);
    return {in_proj_weight.split_with_sizes({width, 2 * width}), in_proj_bias.split_with_sizes({width, 2 * width})};
  }

  at::Tensor in_proj_weight;
  at::Tensor in_proj_bias;
  std::shared_ptr<Linear> out_proj;
};

}  // namespace

/// torch.nn.TransformerDecoderLayer: self-attention, cross-attention, feed-forward with ReLU, each followed by add and
/// norm.
class DecoderLayer : public torch::nn::Module {
 public:
  explicit DecoderLayer(const MixerOptions& options)
      : heads_(options.decoder_heads), dropout_(options.dropout), attention_(options.attention) {
    const int64_t width = options.encoder.hidden_size;
    const int64_t inner = options.decoder_dim_feedforward > 0 ? options.decoder_dim_feedforward : width;
    self_attention_ = register_module("self_attn", std::make_shared<StackedAttention>(width));
    cross_attention_ = register_module("multihead_attn", std::make_shared<StackedAttention>(width));
    linear1_ = register_module("linear1", std::make_shared<Linear>(width, inner));
    linear2_ = register_module("linear2", std::make_shared<Linear>(inner, width));
    norm1_ = register_module("norm1", std::make_shared<LayerNorm>(width, kNormEps));
    norm2_ = register_module("norm2", std::make_shared<LayerNorm>(width, kNormEps));
    norm3_ = register_module("norm3", std::make_shared<LayerNorm>(width, kNormEps));
  }

  /// x [B, S, H], memory [B, T, H].
  at::Tensor forward(const at::Tensor& x, const at::Tensor& self_mask, const at::Tensor& memory,
                     const at::Tensor& memory_mask) const {
    const std::vector<at::Tensor> own = self_attention_->project(x);
    const at::Tensor attended = add_attention(*self_attention_, *norm1_, x, own[0], own[1], own[2], self_mask);
    const StackedAttention::Parts parts = cross_attention_->parts();
    const std::vector<at::Tensor> other = parts.project_memory(memory);
    return feed_forward(attend_memory(attended, parts, other[0], other[1], memory_mask));
  }

  DecoderCache::Layer start(const at::Tensor& memory, int64_t length) const {
    const std::vector<at::Tensor> other = cross_attention_->parts().project_memory(memory);
    const auto room = [&] { return at::empty({memory.size(0), length, memory.size(2)}, other[0].options()); };
    return {room(), room(), other[0], other[1]};
  }

  /// x [B, 1, H] at `position`.
  at::Tensor step(const at::Tensor& x, int64_t position, DecoderCache::Layer& cache,
                  const at::Tensor& memory_mask) const {
    const std::vector<at::Tensor> own = self_attention_->project(x);
    cache.self_key.narrow(1, position, 1).copy_(own[1]);
    cache.self_value.narrow(1, position, 1).copy_(own[2]);
    const at::Tensor attended =
        add_attention(*self_attention_, *norm1_, x, own[0], cache.self_key.narrow(1, 0, position + 1),
                      cache.self_value.narrow(1, 0, position + 1), {});
    const StackedAttention::Parts parts = cross_attention_->parts();
    return feed_forward(attend_memory(attended, parts, cache.memory_key, cache.memory_value, memory_mask));
  }

 private:
  at::Tensor attend_memory(const at::Tensor& x, const StackedAttention::Parts& parts, const at::Tensor& key,
                           const at::Tensor& value, const at::Tensor& mask) const {
    return add_attention(*cross_attention_, *norm2_, x, parts.project_query(x), key, value, mask);
  }

  at::Tensor add_attention(const StackedAttention& attention, const LayerNorm& norm, const at::Tensor& x,
                           const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                           const at::Tensor& mask) const {
    const at::Tensor context = attend(query, key, value, mask, {heads_, rate(), attention_});
    return norm.forward(x + dropout(attention.out_proj->forward(context), rate()));
  }

  at::Tensor feed_forward(const at::Tensor& x) const {
    const at::Tensor inner = dropout(at::relu(linear1_->forward(x)), rate());
    return norm3_->forward(x + dropout(linear2_->forward(inner), rate()));
  }

  double rate() const { return is_training() ? dropout_ : 0.0; }

  int64_t heads_;
  double dropout_;
  Attention attention_;
  std::shared_ptr<StackedAttention> self_attention_;
  std::shared_ptr<StackedAttention> cross_attention_;
  std::shared_ptr<Linear> linear1_, linear2_;
  std::shared_ptr<LayerNorm> norm1_, norm2_, norm3_;
};

MixerDecoderImpl::MixerDecoderImpl(const MixerOptions& options) : options_(options) {
  const int64_t width = options.encoder.hidden_size;
  const auto scope = [&](const char* name) { return register_module(name, std::make_shared<torch::nn::Module>(name)); };
  token_embedding_ =
      scope("token_emb")->register_module("embedding", std::make_shared<Embedding>(options.vocabulary_size, width));
  positions_ =
      scope("positional_encoding")->register_buffer("pos_embedding", sinusoids(options.decoder_positions, width));
  layers_ = scope("decoder")->register_module(
      "layers", std::make_shared<LayerList<DecoderLayer>>(options.decoder_layers, options));
  head_ = register_module("head", std::make_shared<Linear>(width, options.vocabulary_size));
}

MixerDecoderImpl::~MixerDecoderImpl() = default;

at::Tensor MixerDecoderImpl::forward(const at::Tensor& target_input, const at::Tensor& memory,
                                     const at::Tensor& memory_mask, PadBonus bonus) {
  if (target_input.size(1) > options_.decoder_positions) {
    throw UsageError(
        "the decoder has {} positions, but label sequences have {}; use fewer target columns or a smaller "
        "--block-size",
        options_.decoder_positions, target_input.size(1));
  }
  const at::Tensor mask = self_mask(target_input, bonus);
  const at::Tensor source = to_autocast(memory);
  at::Tensor x = dropout(embed(target_input, 0), is_training() ? options_.dropout : 0.0);
  if (observer_) observer_("decoder.embeddings", x);
  for (size_t i = 0; i < layers_->size(); ++i) {
    x = (*layers_)[i].forward(x, mask, source, memory_mask);
    if (observer_) observer_(fmt::format("decoder.layer.{}", i), x);
  }
  const at::Tensor logits = head_->forward(x);
  if (observer_) observer_("seq_logits", logits);
  return logits;
}

DecoderCache MixerDecoderImpl::start(const at::Tensor& memory, const at::Tensor& memory_mask, int64_t length) {
  DecoderCache cache;
  cache.memory_mask = memory_mask;
  const at::Tensor source = to_autocast(memory);
  for (size_t i = 0; i < layers_->size(); ++i) cache.layers.push_back((*layers_)[i].start(source, length));
  return cache;
}

at::Tensor MixerDecoderImpl::step(const at::Tensor& token, int64_t position, DecoderCache& cache) {
  at::Tensor x = embed(token.unsqueeze(1), position);
  for (size_t i = 0; i < layers_->size(); ++i) {
    x = (*layers_)[i].step(x, position, cache.layers[i], cache.memory_mask);
  }
  return head_->forward(x.squeeze(1));
}

void MixerDecoderImpl::set_observer(StageObserver observer) { observer_ = std::move(observer); }

at::Tensor MixerDecoderImpl::embed(const at::Tensor& tokens, int64_t position) {
  const double scale = std::sqrt(static_cast<double>(options_.encoder.hidden_size));
  return token_embedding_->forward(tokens) * scale + positions_.narrow(0, position, tokens.size(1)).transpose(0, 1);
}

at::Tensor MixerDecoderImpl::self_mask(const at::Tensor& target_input, PadBonus bonus) {
  if (!causal_.defined() || causal_.device() != target_input.device()) {
    const int64_t size = options_.decoder_positions;
    causal_ = at::full({size, size}, -std::numeric_limits<double>::infinity(), target_input.options().dtype(at::kFloat))
                  .triu_(1);
  }
  const int64_t length = target_input.size(1);
  const at::Tensor causal = causal_.narrow(0, 0, length).narrow(1, 0, length);
  if (bonus == PadBonus::kNone) return causal;
  return causal + target_input.eq(kPadToken).to(at::kFloat).view({target_input.size(0), 1, 1, length});
}

}  // namespace canine
