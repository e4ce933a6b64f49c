#include "canine/model/initialization.hpp"

#include <ATen/core/grad_mode.h>

#include <cmath>
#include <string>
#include <string_view>

namespace canine {
namespace {

void uniform(at::Tensor& parameter, double bound) { parameter.uniform_(-bound, bound); }

/// Kaiming uniform with a = sqrt(5), as torch.nn.Linear draws its weight.
double linear_bound(const at::Tensor& weight) { return 1.0 / std::sqrt(static_cast<double>(weight.size(1))); }

void initialize_norm(LayerNorm& norm) {
  norm.weight.fill_(1.0);
  norm.bias.zero_();
}

/// Of a module that holds query, key and value in one matrix; nothing for other modules.
void initialize_stacked_attention(torch::nn::Module& module) {
  for (auto& parameter : module.named_parameters(/*recurse=*/false)) {
    at::Tensor& values = parameter.value();
    if (parameter.key() == "in_proj_weight")
      uniform(values, std::sqrt(6.0 / static_cast<double>(values.size(0) + values.size(1))));
    if (parameter.key() == "in_proj_bias") values.zero_();
  }
}

/// Parameters "decoder.layers.<i>.<name>" become equal to "decoder.layers.0.<name>".
void copy_first_layer(MixerDecoderImpl& decoder) {
  constexpr std::string_view kLayers = "decoder.layers.";
  const auto parameters = decoder.named_parameters();
  for (const auto& parameter : parameters) {
    const std::string& name = parameter.key();
    if (!name.starts_with(kLayers)) continue;
    const size_t rest = name.find('.', kLayers.size());
    parameter.value().copy_(parameters[std::string(kLayers) + "0" + name.substr(rest)]);
  }
}

}  // namespace

void initialize_encoder(CanineEncoderImpl& encoder) {
  const at::NoGradGuard no_grad;
  const double std = encoder.options().initializer_range;
  for (const auto& module : encoder.modules(/*include_self=*/false)) {
    if (auto* norm = module->as<LayerNorm>()) {
      initialize_norm(*norm);
      continue;
    }
    for (auto& parameter : module->named_parameters(/*recurse=*/false)) {
      if (parameter.key() == "bias") {
        parameter.value().zero_();
      } else {
        parameter.value().normal_(0.0, std);
      }
    }
  }
}

void initialize_decoder(MixerDecoderImpl& decoder) {
  const at::NoGradGuard no_grad;
  for (const auto& item : decoder.named_modules(/*name_prefix=*/"", /*include_self=*/false)) {
    torch::nn::Module& module = *item.value();
    if (auto* norm = module.as<LayerNorm>()) {
      initialize_norm(*norm);
    } else if (auto* embedding = module.as<Embedding>()) {
      embedding->weight.normal_();
    } else if (auto* linear = module.as<Linear>()) {
      initialize_linear(*linear);
      if (item.key().ends_with(".out_proj")) linear->bias.zero_();
    } else {
      initialize_stacked_attention(module);
    }
  }
  copy_first_layer(decoder);
}

void initialize_linear(Linear& linear) {
  const at::NoGradGuard no_grad;
  const double bound = linear_bound(linear.weight);
  uniform(linear.weight, bound);
  uniform(linear.bias, bound);
}

}  // namespace canine
