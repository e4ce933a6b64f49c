#pragma once

#include <cstdint>
#include <string>

namespace canine {

/// Shape of a CANINE encoder; names and defaults are the keys of config.json of google/canine-s (transformers 4.57).
struct EncoderOptions {
  int64_t hidden_size = 768;
  int64_t num_hidden_layers = 12;  ///< deep layers, over molecules
  int64_t num_attention_heads = 12;
  int64_t intermediate_size = 3072;
  double hidden_dropout_prob = 0.1;
  double attention_probs_dropout_prob = 0.1;
  double layer_norm_eps = 1e-12;
  double initializer_range = 0.02;
  int64_t num_hash_functions = 8;    ///< at most 16 (one prime each)
  int64_t num_hash_buckets = 16384;  ///< also the rows of the position table, as in transformers
  int64_t max_position_embeddings = 16384;
  int64_t type_vocab_size = 16;
  int64_t local_transformer_stride = 128;  ///< width of the windows of the first layer
  int64_t downsampling_rate = 4;           ///< only 4 is supported
  int64_t upsampling_kernel_size = 4;      ///< only 4 is supported

  /// Throws UsageError naming the key: hidden_size divisible by heads and hash functions, positive sizes, ...
  void validate() const;
};

enum class Attention {
  kEager,  ///< matmul, softmax, dropout, matmul
  kSdpa,   ///< at::scaled_dot_product_attention where it is faster (equal within float tolerance)
};

/// Shape of a whole mixer. B rows, T characters, S = L - 1 target positions, V vocabulary, C classes, H width.
struct MixerOptions {
  EncoderOptions encoder;
  int64_t vocabulary_size = 0;  ///< V, from the formatter; 0 = no decoder
  int64_t num_classes = 0;      ///< C, entries of the flat head; 0 = none
  double dropout = 0.0;         ///< of decoder and flat head, in [0, 1)
  int64_t decoder_layers = 3;
  int64_t decoder_heads = 8;
  int64_t decoder_dim_feedforward = 0;  ///< 0 = hidden_size
  int64_t decoder_positions = 128;      ///< rows of the sinusoid table, so S <= 128
  Attention attention = Attention::kSdpa;
  bool mask_memory_padding = false;  ///< padding mode "mask": cross-attention sees real characters only

  /// Throws UsageError naming the key.
  void validate() const;
};

}  // namespace canine
