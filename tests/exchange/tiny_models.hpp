#pragma once

#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>

#include "canine/checkpoint/safetensors.hpp"
#include "canine/checkpoint/state_dict.hpp"
#include "canine/checkpoint/torch_file.hpp"
#include "canine/core/file.hpp"
#include "canine/exchange/load_model.hpp"
#include "support/temporary_folder.hpp"
#include "test_paths.hpp"

namespace canine::test {

inline std::filesystem::path tiny_folder() { return std::filesystem::path(CANINE_FIXTURES) / "tiny_a"; }

/// The reference's checkpoint after ten steps: a general-purpose mixer.
inline std::string tiny_checkpoint() { return (tiny_folder() / "after10.bin").string(); }

/// What must be said of that checkpoint.
inline ModelOverrides tiny_overrides() {
  ModelOverrides overrides;
  overrides.encoder_config = tiny_folder() / "encoder" / "config.json";
  overrides.target_cols = {"hisco_1", "hisco_2"};
  overrides.block_size = 5;
  return overrides;
}

/// That checkpoint with its card.
inline ModelContent tiny_content() {
  ModelContent content = read_model_content(tiny_checkpoint());
  content.card = describe_model(content, tiny_overrides()).card;
  return content;
}

/// The tensors whose names begin with one of `prefixes`.
inline NamedTensors with_prefixes(const NamedTensors& weights, const std::vector<std::string>& prefixes) {
  NamedTensors chosen;
  for (const auto& [name, tensor] : weights) {
    for (const std::string& prefix : prefixes) {
      if (name.starts_with(prefix)) chosen.emplace_back(name, tensor);
    }
  }
  return chosen;
}

/// A small model of random weights, of which tests choose V and C.
inline Mixer small_mixer(int64_t vocabulary_size, int64_t num_classes) {
  MixerOptions options;
  options.encoder = describe_encoder(read_model_content(tiny_checkpoint()), tiny_overrides());
  options.vocabulary_size = vocabulary_size;
  options.num_classes = num_classes;
  return Mixer(options);
}

/// True if both hold the same names with the same bits, in any order.
inline bool same_weights(const NamedTensors& left, const NamedTensors& right) {
  const std::map<std::string, at::Tensor> a(left.begin(), left.end()), b(right.begin(), right.end());
  if (a.size() != b.size() || a.size() != left.size() || b.size() != right.size()) return false;
  for (const auto& [name, tensor] : a) {
    const auto found = b.find(name);
    if (found == b.end() || found->second.sizes() != tensor.sizes() ||
        found->second.scalar_type() != tensor.scalar_type()) {
      return false;
    }
    const at::Tensor x = tensor.contiguous(), y = found->second.contiguous();
    if (std::memcmp(x.const_data_ptr(), y.const_data_ptr(), x.nbytes()) != 0) return false;
  }
  return true;
}

}  // namespace canine::test
