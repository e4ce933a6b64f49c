#include "canine/model/encoder.hpp"

#include <ATen/ops/amax.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/remainder.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/tensor.h>
#include <fmt/format.h>

#include <array>
#include <utility>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/model/affine.hpp"
#include "canine/model/dropout.hpp"

namespace canine {
namespace {

/// One prime per hash function, in the order of the tables.
constexpr std::array<int64_t, 16> kPrimes = {31, 43, 59, 61, 73, 97, 103, 113, 137, 149, 157, 173, 181, 193, 211, 223};
constexpr int64_t kRate = 4;  ///< characters per molecule

/// A convolution's weight [out, in, kernel] as the matrix [out, kernel * in] for rows of neighbouring characters.
at::Tensor by_character(const at::Tensor& weight) {
  return weight.permute({0, 2, 1}).reshape({weight.size(0), weight.size(1) * weight.size(2)});
}

}  // namespace

/// Hashed character embedding: the tables' rows side by side, plus type 0, plus the position.
class CanineEncoderImpl::Embeddings : public torch::nn::Module {
 public:
  explicit Embeddings(const EncoderOptions& options)
      : num_buckets_(options.num_hash_buckets), dropout_(options.hidden_dropout_prob) {
    const int64_t hidden = options.hidden_size;
    for (int64_t i = 0; i < options.num_hash_functions; ++i) {
      tables_.push_back(
          register_module(fmt::format("HashBucketCodepointEmbedder_{}", i),
                          std::make_shared<Embedding>(num_buckets_, hidden / options.num_hash_functions)));
    }
    positions_ = register_module("char_position_embeddings", std::make_shared<Embedding>(num_buckets_, hidden));
    types_ = register_module("token_type_embeddings", std::make_shared<Embedding>(options.type_vocab_size, hidden));
    norm_ = register_module("LayerNorm", std::make_shared<LayerNorm>(hidden, options.layer_norm_eps));
  }

  at::Tensor forward(const at::Tensor& input_ids) {
    if (!primes_.defined() || primes_.device() != input_ids.device()) {
      primes_ = at::tensor(at::IntArrayRef(kPrimes.data(), tables_.size()), input_ids.options());
      primes_ = primes_.view({-1, 1, 1});
    }
    const at::Tensor buckets = at::remainder((input_ids + 1) * primes_, num_buckets_);  // [functions, B, T]
    std::vector<at::Tensor> shards;
    for (size_t i = 0; i < tables_.size(); ++i) {
      shards.push_back(tables_[i]->forward(buckets.select(0, static_cast<int64_t>(i))));
    }
    const at::Tensor place = positions_->weight.narrow(0, 0, input_ids.size(1)) + types_->weight.select(0, 0);
    return dropout(norm_->forward(at::cat(shards, -1) + place), is_training() ? dropout_ : 0.0);
  }

 private:
  int64_t num_buckets_;
  double dropout_;
  std::vector<std::shared_ptr<Embedding>> tables_;
  std::shared_ptr<Embedding> positions_;
  std::shared_ptr<Embedding> types_;
  std::shared_ptr<LayerNorm> norm_;
  at::Tensor primes_;  // constant, kept on the device of the last input
};

/// Characters to molecules: a strided convolution whose last output makes room for the CLS character in front.
class CanineEncoderImpl::Downsampling : public torch::nn::Module {
 public:
  explicit Downsampling(const EncoderOptions& options) {
    const int64_t hidden = options.hidden_size;
    conv_ = register_module("conv", std::make_shared<Convolution>(hidden, hidden, kRate));
    norm_ = register_module("LayerNorm", std::make_shared<LayerNorm>(hidden, options.layer_norm_eps));
  }

  /// [B, T, H] -> [B, M, H]
  at::Tensor forward(const at::Tensor& characters) {
    const int64_t count = characters.size(1) / kRate;
    // Kernel and stride are equal, so four characters side by side are one row of a matrix product.
    const at::Tensor groups =
        characters.narrow(1, 0, count * kRate).reshape({characters.size(0), count, kRate * characters.size(2)});
    const at::Tensor molecules = at::gelu(affine(groups, by_character(conv_->weight), conv_->bias));
    const at::Tensor cls = characters.narrow(1, 0, 1);
    return norm_->forward(at::cat({cls, molecules.narrow(1, 0, count - 1)}, 1));
  }

 private:
  std::shared_ptr<Convolution> conv_;
  std::shared_ptr<LayerNorm> norm_;
};

/// Characters and their molecules, side by side, to one vector per character: a convolution over the characters
/// t - 1 .. t + 2, with zeros outside the text.
class CanineEncoderImpl::Projection : public torch::nn::Module {
 public:
  explicit Projection(const EncoderOptions& options) : dropout_(options.hidden_dropout_prob) {
    const int64_t hidden = options.hidden_size;
    conv_ = register_module("conv", std::make_shared<Convolution>(2 * hidden, hidden, kRate));
    norm_ = register_module("LayerNorm", std::make_shared<LayerNorm>(hidden, options.layer_norm_eps));
  }

  /// characters [B, T, H], molecules [B, M, H] -> [B, T, H]
  at::Tensor forward(const at::Tensor& characters, const at::Tensor& molecules) {
    const int64_t hidden = characters.size(2);
    at::Tensor sum;
    if (characters.size(1) % kRate == 0) {
      sum = convolve(characters, conv_->weight.narrow(1, 0, hidden), conv_->bias) +
            convolve_molecules(molecules, conv_->weight.narrow(1, hidden, hidden)).view(characters.sizes());
    } else {
      const at::Tensor joined = at::cat({characters, upsample(molecules, characters.size(1))}, -1);
      sum = convolve(joined, conv_->weight, conv_->bias);
    }
    return dropout(norm_->forward(at::gelu(sum)), is_training() ? dropout_ : 0.0);
  }

 private:
  /// x [B, T, C], weight [H, C, 4] -> [B, T, H]
  static at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
    const int64_t length = x.size(1);
    const at::Tensor padded = at::constant_pad_nd(to_autocast(x), {0, 0, 1, kRate - 2});
    std::vector<at::Tensor> shifted;
    for (int64_t k = 0; k < kRate; ++k) shifted.push_back(padded.narrow(1, k, length));
    return affine(at::cat(shifted, -1), by_character(weight), bias);
  }

  /// The convolution of `upsample(molecules, 4 M)` without bias, [B, M, 4, H]. The characters of a group see the same
  /// molecule, so the kernel's matrices are added up first: seven products per molecule instead of sixteen.
  static at::Tensor convolve_molecules(const at::Tensor& molecules, const at::Tensor& weight) {
    const int64_t rows = molecules.size(0);
    const int64_t count = molecules.size(1);
    const int64_t hidden = molecules.size(2);
    const at::Tensor groups = at::cat({molecules.narrow(1, 1, count - 1), molecules.narrow(1, count - 1, 1)}, 1);
    const std::vector<at::Tensor> w = weight.permute({2, 0, 1}).contiguous().unbind(0);
    const at::Tensor w01 = w[0] + w[1];
    const at::Tensor w23 = w[2] + w[3];
    // What characters 0 .. 3 of a group see of their own molecule; character 0 of the one before; 2 and 3 of the next.
    const at::Tensor matrices = at::cat({w[1] + w23, w01 + w23, w01 + w[2], w01, w[0], w[3], w23});
    const at::Tensor products = affine(groups, matrices).view({rows, count, 7, hidden});
    const at::Tensor before = at::constant_pad_nd(products.narrow(1, 0, count - 1).narrow(2, 4, 1), {0, 0, 0, 1, 1, 0});
    const at::Tensor after = at::constant_pad_nd(products.narrow(1, 1, count - 1).narrow(2, 5, 2), {0, 0, 0, 0, 0, 1});
    return products.narrow(2, 0, 4) + at::cat({before, after}, 2);
  }

  /// Molecule j + 1 for characters 4j .. 4j + 3; the last one also for the characters that are left.
  static at::Tensor upsample(const at::Tensor& molecules, int64_t length) {
    const int64_t count = molecules.size(1);
    const int64_t hidden = molecules.size(2);
    const auto repeat = [&](const at::Tensor& rows, int64_t times) {
      return rows.unsqueeze(2)
          .expand({rows.size(0), rows.size(1), times, hidden})
          .reshape({rows.size(0), rows.size(1) * times, hidden});
    };
    const int64_t rest = length - (count - 1) * kRate;
    return at::cat({repeat(molecules.narrow(1, 1, count - 1), kRate), repeat(molecules.narrow(1, count - 1, 1), rest)},
                   1);
  }

  double dropout_;
  std::shared_ptr<Convolution> conv_;
  std::shared_ptr<LayerNorm> norm_;
};

CanineEncoderImpl::CanineEncoderImpl(const EncoderOptions& options, Attention attention) : options_(options) {
  options_.validate();
  const int64_t hidden = options_.hidden_size;
  char_embeddings_ = register_module("char_embeddings", std::make_shared<Embeddings>(options_));
  const auto stack = [&](const char* name, int64_t layers) {
    const auto scope = register_module(name, std::make_shared<torch::nn::Module>(name));
    return scope->register_module("layer", std::make_shared<Layers>(layers, options_, attention));
  };
  initial_layers_ = stack("initial_char_encoder", 1);
  chars_to_molecules_ = register_module("chars_to_molecules", std::make_shared<Downsampling>(options_));
  deep_layers_ = stack("encoder", options_.num_hidden_layers);
  projection_ = register_module("projection", std::make_shared<Projection>(options_));
  final_layers_ = stack("final_char_encoder", 1);
  const auto pooler = register_module("pooler", std::make_shared<torch::nn::Module>("pooler"));
  pooler_ = pooler->register_module("dense", std::make_shared<Linear>(hidden, hidden));
}

CanineEncoderImpl::~CanineEncoderImpl() = default;

EncoderOutput CanineEncoderImpl::forward(const at::Tensor& input_ids, const at::Tensor& attention_mask) {
  const Stem begun = stem(input_ids, attention_mask);
  const at::Tensor deep = observe(fmt::format("encoder.deep.{}", deep_layers_->size() - 1),
                                  last_deep_layer().forward(begun.molecules, begun.molecule_mask));
  const at::Tensor pooled = pool_first(deep.select(1, 0));
  const at::Tensor projected = observe("encoder.projection", projection_->forward(begun.characters, deep));
  const at::Tensor memory = observe("encoder.final", (*final_layers_)[0].forward(projected, begun.character_mask));
  return {memory, pooled};
}

at::Tensor CanineEncoderImpl::pool(const at::Tensor& input_ids, const at::Tensor& attention_mask) {
  const Stem begun = stem(input_ids, attention_mask);
  return pool_first(last_deep_layer().forward_first(begun.molecules, begun.molecule_mask));
}

CanineEncoderImpl::Stem CanineEncoderImpl::stem(const at::Tensor& input_ids, const at::Tensor& attention_mask) {
  const int64_t length = input_ids.size(1);
  if (length < kRate || length > options_.num_hash_buckets) {
    throw UsageError(
        "the encoder takes texts of {} to {} characters (rows of its position table), but was given {}; "
        "change --max-len",
        kRate, options_.num_hash_buckets, length);
  }
  Stem begun;
  begun.character_mask = additive_mask(attention_mask);
  // A molecule position is visible iff one of the four characters of the same index is real (not shifted by CLS).
  const int64_t molecules = length / kRate;
  begun.molecule_mask =
      additive_mask(at::amax(attention_mask.narrow(1, 0, molecules * kRate).view({-1, molecules, kRate}), -1));

  begun.characters = observe("encoder.embeddings", char_embeddings_->forward(input_ids));
  begun.characters = observe("encoder.initial", (*initial_layers_)[0].forward(begun.characters, begun.character_mask,
                                                                              options_.local_transformer_stride));
  begun.molecules = observe("encoder.molecules", chars_to_molecules_->forward(begun.characters));
  for (size_t i = 0; i + 1 < deep_layers_->size(); ++i) {
    begun.molecules =
        observe(fmt::format("encoder.deep.{}", i), (*deep_layers_)[i].forward(begun.molecules, begun.molecule_mask));
  }
  return begun;
}

at::Tensor CanineEncoderImpl::pool_first(const at::Tensor& first) const {
  return observe("encoder.pooled", at::tanh(pooler_->forward(first)));
}

void CanineEncoderImpl::set_observer(StageObserver observer) { observer_ = std::move(observer); }

at::Tensor CanineEncoderImpl::observe(const std::string& stage, at::Tensor output) const {
  if (observer_) observer_(stage, output);
  return output;
}

}  // namespace canine
