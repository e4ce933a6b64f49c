#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/abs.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <string>

#include "canine/checkpoint/safetensors.hpp"
#include "canine/core/file.hpp"
#include "canine/model/encoder_config.hpp"
#include "canine/model/mixer.hpp"
#include "test_paths.hpp"

namespace canine::test {

inline std::filesystem::path tiny_folder() { return std::filesystem::path(CANINE_FIXTURES) / "tiny_a"; }

/// Tensors of one of the fixture's files, by name.
class TensorFile {
 public:
  explicit TensorFile(const std::string& name) : tensors_(read_safetensors(tiny_folder() / name)) {}

  at::Tensor operator[](const std::string& name) const {
    for (const auto& [key, tensor] : tensors_) {
      if (key == name) return tensor;
    }
    FAIL("no tensor '" << name << "' in the fixture");
    return {};
  }

  const NamedTensors& all() const { return tensors_; }

 private:
  NamedTensors tensors_;
};

inline MixerOptions tiny_options() {
  MixerOptions options;
  const std::filesystem::path config = tiny_folder() / "encoder" / "config.json";
  options.encoder = parse_encoder_config(read_file(config), config.string());
  options.vocabulary_size = 2087;
  options.num_classes = 40;
  return options;
}

/// The fixture's model in evaluation mode, with the weights of `file`.
inline Mixer tiny_mixer(const MixerOptions& options = tiny_options(), const std::string& file = "model.safetensors") {
  Mixer mixer(options, InitialValues::kNone);
  load_state_dict(*mixer, TensorFile(file).all(), file);
  mixer->eval();
  return mixer;
}

/// Largest absolute difference; fails on different shapes.
inline double max_difference(const at::Tensor& a, const at::Tensor& b) {
  REQUIRE(a.sizes() == b.sizes());
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

}  // namespace canine::test
