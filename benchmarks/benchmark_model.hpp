#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "canine/model/mixer.hpp"

namespace canine::benchmark {

/// What a run measures; filled from the command line.
struct Setting {
  std::string size = "full";  ///< full = google/canine-s, tiny = 96 wide with 3 deep layers
  int64_t batch = 8;
  int64_t length = 128;               ///< T
  std::string precision = "fp32";     ///< fp32 or bf16
  std::string padding = "reference";  ///< reference or mask
  std::string attention = "sdpa";     ///< eager or sdpa
  int repeats = 7;
};

/// Sequences of one HISCO code block of 5 (gpf, V 2087, C 296), as for toydata's first target column.
constexpr int64_t kSequenceLength = 7;

inline MixerOptions model_options(const Setting& setting) {
  MixerOptions options;
  options.vocabulary_size = 2087;
  options.num_classes = 296;
  if (setting.size == "tiny") {
    options.encoder.hidden_size = 96;
    options.encoder.num_hidden_layers = 3;
    options.encoder.num_attention_heads = 4;
    options.encoder.intermediate_size = 384;
    options.encoder.num_hash_buckets = 2048;
  }
  options.attention = setting.attention == "eager" ? Attention::kEager : Attention::kSdpa;
  options.mask_memory_padding = setting.padding == "mask";
  return options;
}

/// Random rows with about 26 real characters each, as in toydata.
struct RandomBatch {
  explicit RandomBatch(const Setting& setting, int64_t sequence_length = kSequenceLength) {
    const int64_t rows = setting.batch;
    longest = std::min<int64_t>(26, setting.length);
    input_ids = at::zeros({rows, setting.length}, at::kLong);
    input_ids.narrow(1, 0, longest).copy_(at::randint(32, 1000, {rows, longest}, at::kLong));
    attention_mask = at::zeros_like(input_ids);
    attention_mask.narrow(1, 0, longest).fill_(1);
    targets_seq2seq = at::randint(5, 2087, {rows, sequence_length}, at::kLong);
    targets_linear = at::zeros({rows, 296});
  }

  int64_t longest;  ///< real characters of a row
  at::Tensor input_ids, attention_mask, targets_seq2seq, targets_linear;
};

/// Processor time of this process so far, all threads together: what a busy machine does not blur.
struct CpuTime {
  double user = 0;
  double system = 0;

  static CpuTime now() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
    };
    return {seconds(usage.ru_utime), seconds(usage.ru_stime)};
  }
};

inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace canine::benchmark
