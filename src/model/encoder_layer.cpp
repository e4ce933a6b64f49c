#include "canine/model/encoder_layer.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/gelu.h>

#include <algorithm>
#include <vector>

#include "canine/model/dropout.hpp"

namespace canine {

EncoderLayer::EncoderLayer(const EncoderOptions& options, Attention attention)
    : shape_{options.num_attention_heads, options.attention_probs_dropout_prob, attention},
      hidden_dropout_(options.hidden_dropout_prob) {
  const int64_t hidden = options.hidden_size;
  const auto linear = [](torch::nn::Module& parent, const char* name, int64_t in, int64_t out) {
    return parent.register_module(name, std::make_shared<Linear>(in, out));
  };
  const auto norm = [&](torch::nn::Module& parent) {
    return parent.register_module("LayerNorm", std::make_shared<LayerNorm>(hidden, options.layer_norm_eps));
  };
  const auto scope = [](torch::nn::Module& parent, const char* name) {
    return parent.register_module(name, std::make_shared<torch::nn::Module>(name));
  };

  const auto attention_scope = scope(*this, "attention");
  const auto self_scope = scope(*attention_scope, "self");
  query_ = linear(*self_scope, "query", hidden, hidden);
  key_ = linear(*self_scope, "key", hidden, hidden);
  value_ = linear(*self_scope, "value", hidden, hidden);
  const auto attention_output = scope(*attention_scope, "output");
  attention_dense_ = linear(*attention_output, "dense", hidden, hidden);
  attention_norm_ = norm(*attention_output);
  intermediate_ = linear(*scope(*this, "intermediate"), "dense", hidden, options.intermediate_size);
  const auto output_scope = scope(*this, "output");
  output_dense_ = linear(*output_scope, "dense", options.intermediate_size, hidden);
  output_norm_ = norm(*output_scope);
}

at::Tensor EncoderLayer::forward(const at::Tensor& x, const at::Tensor& mask, int64_t window) {
  return feed_forward(x, self_attention(x, mask, window));
}

at::Tensor EncoderLayer::forward_first(const at::Tensor& x, const at::Tensor& mask) {
  const at::Tensor input = to_autocast(x);
  const at::Tensor context =
      attend(query_->forward(input.narrow(1, 0, 1)), key_->forward(input), value_->forward(input), mask, shape());
  return feed_forward(x.narrow(1, 0, 1), context).squeeze(1);
}

at::Tensor EncoderLayer::feed_forward(const at::Tensor& x, const at::Tensor& context) const {
  const at::Tensor attended =
      attention_norm_->forward(dropout(attention_dense_->forward(context), hidden_dropout()) + x);
  const at::Tensor expanded = at::gelu(intermediate_->forward(attended));
  return output_norm_->forward(dropout(output_dense_->forward(expanded), hidden_dropout()) + attended);
}

at::Tensor EncoderLayer::self_attention(const at::Tensor& x, const at::Tensor& mask, int64_t window) const {
  const at::Tensor input = to_autocast(x);
  const at::Tensor query = query_->forward(input);
  const at::Tensor key = key_->forward(input);
  const at::Tensor value = value_->forward(input);
  const int64_t length = x.size(1);
  if (window <= 0 || length <= window) return attend(query, key, value, mask, shape());

  // A window that holds padding alone sees no key at all. Fused kernels keep only the log of the sum of exponentials
  // for their backward pass; near the lowest float that forgets how many keys there were, and gradients come out wrong.
  AttentionShape eager = shape();
  eager.kind = Attention::kEager;
  std::vector<at::Tensor> windows;
  for (int64_t start = 0; start < length; start += window) {
    const int64_t width = std::min(window, length - start);
    windows.push_back(attend(query.narrow(1, start, width), key.narrow(1, start, width), value.narrow(1, start, width),
                             mask.narrow(-1, start, width), eager));
  }
  return at::cat(windows, 1);
}

AttentionShape EncoderLayer::shape() const {
  AttentionShape shape = shape_;
  if (!is_training()) shape.dropout = 0.0;
  return shape;
}

}  // namespace canine
