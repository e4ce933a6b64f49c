#include "canine/model/decoder.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
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
    KeyValue project_memory(const at::Tensor& memory) const {
      const std::vector<at::Tensor> both = affine(memory, weights[1], biases[1]).chunk(2, -1);
      return {both[0], both[1]};
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

  /// memory [B, T, H].
  KeyValue read(const at::Tensor& memory) const { return cross_attention_->parts().project_memory(memory); }

  /// x [B, S, H], memory [B, T, H].
  at::Tensor forward(const at::Tensor& x, const at::Tensor& self_mask, const at::Tensor& memory,
                     const at::Tensor& memory_mask) const {
    const StackedAttention::Parts parts = cross_attention_->parts();
    return attend_both(x, self_mask, parts, parts.project_memory(memory), memory_mask);
  }

  /// The same with the memory read before.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& self_mask, const KeyValue& memory,
                     const at::Tensor& memory_mask) const {
    return attend_both(x, self_mask, cross_attention_->parts(), memory, memory_mask);
  }

  /// x [B, 1, H] at `position`; `kept` gets its key and value.
  at::Tensor step(const at::Tensor& x, int64_t position, const KeyValue& kept, const KeyValue& memory,
                  const at::Tensor& memory_mask) const {
    const std::vector<at::Tensor> own = self_attention_->project(x);
    kept.key.narrow(1, position, 1).copy_(own[1]);
    kept.value.narrow(1, position, 1).copy_(own[2]);
    const KeyValue seen = {kept.key.narrow(1, 0, position + 1), kept.value.narrow(1, 0, position + 1)};
    const at::Tensor attended = add_attention(*self_attention_, *norm1_, x, own[0], seen, {});
    return feed_forward(attend_memory(attended, cross_attention_->parts(), memory, memory_mask));
  }

  /// x [B, N, H], one position of each prefix; `kept` holds their earlier positions and gets this one.
  at::Tensor step_prefixes(const at::Tensor& x, KeyValue& kept, const KeyValue& memory,
                           const at::Tensor& memory_mask) const {
    const std::vector<at::Tensor> own = self_attention_->project(x);
    kept.key = append(kept.key, own[1]);
    kept.value = append(kept.value, own[2]);
    const at::Tensor attended = norm1_->forward(x + self_attention_->out_proj->forward(attend_prefix(own[0], kept)));
    return feed_forward(attend_memory(attended, cross_attention_->parts(), memory, memory_mask));
  }

 private:
  /// [B, N, D, H] and [B, N, H] as [B, N, D + 1, H].
  static at::Tensor append(const at::Tensor& earlier, const at::Tensor& last) {
    const at::Tensor own = last.unsqueeze(2);
    return earlier.defined() ? at::cat({earlier, own}, 2) : own;
  }

  /// Each prefix's last position attends to its own positions: query [B, N, H], kept [B, N, D, H] -> [B, N, H].
  at::Tensor attend_prefix(const at::Tensor& query, const KeyValue& kept) const {
    const auto by_prefix = [](const at::Tensor& x) { return x.reshape({-1, x.size(2), x.size(3)}); };
    return attend(by_prefix(query.unsqueeze(2)), by_prefix(kept.key), by_prefix(kept.value), {},
                  {heads_, 0.0, attention_})
        .view(query.sizes());
  }

  at::Tensor attend_both(const at::Tensor& x, const at::Tensor& self_mask, const StackedAttention::Parts& parts,
                         const KeyValue& memory, const at::Tensor& memory_mask) const {
    const std::vector<at::Tensor> own = self_attention_->project(x);
    const at::Tensor attended = add_attention(*self_attention_, *norm1_, x, own[0], {own[1], own[2]}, self_mask);
    return feed_forward(attend_memory(attended, parts, memory, memory_mask));
  }

  at::Tensor attend_memory(const at::Tensor& x, const StackedAttention::Parts& parts, const KeyValue& memory,
                           const at::Tensor& mask) const {
    return add_attention(*cross_attention_, *norm2_, x, parts.project_query(x), memory, mask);
  }

  at::Tensor add_attention(const StackedAttention& attention, const LayerNorm& norm, const at::Tensor& x,
                           const at::Tensor& query, const KeyValue& seen, const at::Tensor& mask) const {
    const at::Tensor context = attend(query, seen.key, seen.value, mask, {heads_, rate(), attention_});
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

DecoderMemory DecoderMemory::of_rows(const at::Tensor& rows) const {
  DecoderMemory some;
  for (const KeyValue& layer : layers) {
    some.layers.push_back({layer.key.index_select(0, rows), layer.value.index_select(0, rows)});
  }
  if (mask.defined()) some.mask = mask.index_select(0, rows);
  return some;
}

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
  const at::Tensor source = to_autocast(memory);
  return forward(target_input, bonus, [&](size_t layer, const at::Tensor& x, const at::Tensor& mask) {
    return (*layers_)[layer].forward(x, mask, source, memory_mask);
  });
}

at::Tensor MixerDecoderImpl::forward(const at::Tensor& target_input, const DecoderMemory& memory, PadBonus bonus) {
  return forward(target_input, bonus, [&](size_t layer, const at::Tensor& x, const at::Tensor& mask) {
    return (*layers_)[layer].forward(x, mask, memory.layers[layer], memory.mask);
  });
}

at::Tensor MixerDecoderImpl::forward(const at::Tensor& target_input, PadBonus bonus, const LayerCall& layer) {
  if (target_input.size(1) > options_.decoder_positions) {
    throw UsageError(
        "the decoder has {} positions, but label sequences have {}; use fewer target columns or a smaller "
        "--block-size",
        options_.decoder_positions, target_input.size(1));
  }
  const at::Tensor mask = self_mask(target_input, bonus);
  at::Tensor x = dropout(embed(target_input, 0), is_training() ? options_.dropout : 0.0);
  if (observer_) observer_("decoder.embeddings", x);
  for (size_t i = 0; i < layers_->size(); ++i) {
    x = layer(i, x, mask);
    if (observer_) observer_(fmt::format("decoder.layer.{}", i), x);
  }
  const at::Tensor logits = head_->forward(x);
  if (observer_) observer_("seq_logits", logits);
  return logits;
}

DecoderMemory MixerDecoderImpl::read(const at::Tensor& memory, const at::Tensor& memory_mask) {
  DecoderMemory read;
  read.mask = memory_mask;
  const at::Tensor source = to_autocast(memory);
  for (size_t i = 0; i < layers_->size(); ++i) read.layers.push_back((*layers_)[i].read(source));
  return read;
}

DecoderCache MixerDecoderImpl::start(const at::Tensor& memory, const at::Tensor& memory_mask, int64_t length) {
  DecoderCache cache{read(memory, memory_mask), {}};
  for (const KeyValue& layer : cache.memory.layers) {
    const auto room = [&] { return at::empty({memory.size(0), length, memory.size(2)}, layer.key.options()); };
    cache.layers.push_back({room(), room()});
  }
  return cache;
}

at::Tensor MixerDecoderImpl::step(const at::Tensor& token, int64_t position, DecoderCache& cache) {
  at::Tensor x = embed(token.unsqueeze(1), position);
  for (size_t i = 0; i < layers_->size(); ++i) {
    x = (*layers_)[i].step(x, position, cache.layers[i], cache.memory.layers[i], cache.memory.mask);
  }
  return head_->forward(x.squeeze(1));
}

MixerDecoderImpl::PrefixStep MixerDecoderImpl::step_prefixes(const at::Tensor& tokens, const at::Tensor& parents,
                                                             int64_t position, const DecoderMemory& memory,
                                                             const PrefixCache& before) {
  PrefixStep step;
  const int64_t rows = memory.layers.front().key.size(0);
  at::Tensor x = embed(tokens.unsqueeze(1), position).view({1, tokens.size(0), -1}).expand({rows, -1, -1});
  for (size_t i = 0; i < layers_->size(); ++i) {
    KeyValue kept;
    if (position > 0) {
      kept.key = before.layers[i].key.index_select(1, parents);
      kept.value = before.layers[i].value.index_select(1, parents);
    }
    x = (*layers_)[i].step_prefixes(x, kept, memory.layers[i], memory.mask);
    step.cache.layers.push_back(kept);
  }
  step.logits = head_->forward(x);
  return step;
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
