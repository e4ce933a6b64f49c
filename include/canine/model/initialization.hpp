#pragma once

#include "canine/model/decoder.hpp"
#include "canine/model/encoder.hpp"
#include "canine/model/layers.hpp"

namespace canine {

// Random start values, drawn from torch's default CPU generator.

/// As transformers' CanineModel without pretrained weights: linear, convolution and embedding weights
/// N(0, initializer_range^2), biases 0, LayerNorm 1 and 0.
void initialize_encoder(CanineEncoderImpl& encoder);

/// As torch.nn: embedding N(0, 1); attention in_proj Xavier uniform as one matrix, its bias and out_proj's 0; other
/// weights and biases uniform within 1 / sqrt(inputs); LayerNorm 1 and 0. All layers get the values of the first,
/// because torch.nn.TransformerDecoder copies one layer.
void initialize_decoder(MixerDecoderImpl& decoder);

/// As torch.nn.Linear: weight and bias uniform within 1 / sqrt(inputs).
void initialize_linear(Linear& linear);

}  // namespace canine
