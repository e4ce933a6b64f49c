#include "canine/model/options.hpp"

#include <string_view>

#include "canine/core/errors.hpp"

namespace canine {
namespace {

constexpr int64_t kMaxHashFunctions = 16;       // as many primes as transformers knows
constexpr int64_t kMaxSize = int64_t{1} << 24;  // far above any real shape; keeps products of two sizes in range

void require_size(std::string_view key, int64_t value) {
  if (value < 1 || value > kMaxSize) throw UsageError("{} must be from 1 to {}, not {}", key, kMaxSize, value);
}

void require_equal(std::string_view key, int64_t value, int64_t wanted) {
  if (value != wanted) throw UsageError("{} must be {}, not {}; other values are not supported", key, wanted, value);
}

void require_multiple(std::string_view key, int64_t value, std::string_view of, int64_t divisor) {
  if (value % divisor != 0) throw UsageError("{} must be a multiple of {} ({}), not {}", key, of, divisor, value);
}

void require_rate(std::string_view key, double value) {
  if (!(value >= 0.0 && value < 1.0)) throw UsageError("{} must be at least 0 and below 1, not {}", key, value);
}

}  // namespace

void EncoderOptions::validate() const {
  require_size("hidden_size", hidden_size);
  require_size("num_hidden_layers", num_hidden_layers);
  require_size("num_attention_heads", num_attention_heads);
  require_size("intermediate_size", intermediate_size);
  require_size("num_hash_functions", num_hash_functions);
  require_size("num_hash_buckets", num_hash_buckets);
  require_size("max_position_embeddings", max_position_embeddings);
  require_size("type_vocab_size", type_vocab_size);
  require_size("local_transformer_stride", local_transformer_stride);
  if (num_hash_functions > kMaxHashFunctions) {
    throw UsageError("num_hash_functions must be at most {}, not {}", kMaxHashFunctions, num_hash_functions);
  }
  require_multiple("hidden_size", hidden_size, "num_attention_heads", num_attention_heads);
  require_multiple("hidden_size", hidden_size, "num_hash_functions", num_hash_functions);
  require_equal("downsampling_rate", downsampling_rate, 4);
  require_equal("upsampling_kernel_size", upsampling_kernel_size, 4);
  require_rate("hidden_dropout_prob", hidden_dropout_prob);
  require_rate("attention_probs_dropout_prob", attention_probs_dropout_prob);
  if (!(layer_norm_eps > 0.0 && layer_norm_eps < 1.0)) {
    throw UsageError("layer_norm_eps must be between 0 and 1, not {}", layer_norm_eps);
  }
  if (!(initializer_range >= 0.0 && initializer_range <= 1e3)) {
    throw UsageError("initializer_range must be from 0 to 1000, not {}", initializer_range);
  }
}

void MixerOptions::validate() const {
  encoder.validate();
  if (vocabulary_size == 0 && num_classes == 0) {
    throw UsageError("vocabulary_size and num_classes are both 0; a model needs a decoder or a flat head");
  }
  if (vocabulary_size != 0) require_size("vocabulary_size", vocabulary_size);
  if (num_classes != 0) require_size("num_classes", num_classes);
  require_size("decoder_layers", decoder_layers);
  require_size("decoder_heads", decoder_heads);
  require_size("decoder_positions", decoder_positions);
  require_multiple("hidden_size", encoder.hidden_size, "the decoder's heads", decoder_heads);
  require_multiple("hidden_size", encoder.hidden_size, "2 (sines and cosines)", 2);
  require_rate("dropout", dropout);
  if (decoder_dim_feedforward < 0 || decoder_dim_feedforward > kMaxSize) {
    throw UsageError("decoder_dim_feedforward must be from 0 (= hidden_size) to {}, not {}", kMaxSize,
                     decoder_dim_feedforward);
  }
}

}  // namespace canine
