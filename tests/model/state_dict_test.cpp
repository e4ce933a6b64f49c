#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/model/encoder.hpp"
#include "model/tiny_fixture.hpp"
#include "test_paths.hpp"

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;
using test::max_difference;
using test::TensorFile;
using test::tiny_mixer;
using test::tiny_options;

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

TEST_CASE("Keys, shapes and their order are those of the Python program at full size") {
  MixerOptions options;  // google/canine-s
  options.vocabulary_size = 19;
  options.num_classes = 1919;
  Mixer mixer(options, InitialValues::kNone);  // memory that is never touched costs nothing

  std::vector<std::string> actual;
  int64_t num_parameters = 0;
  for (const auto& [name, tensor] : state_dict(*mixer)) {
    actual.push_back(fmt::format("{} {}", name, fmt::join(tensor.sizes(), " ")));
  }
  for (const at::Tensor& parameter : mixer->parameters()) num_parameters += parameter.numel();
  // Written from the state dicts of transformers.CanineModel and torch.nn.TransformerDecoder.
  const auto list = std::filesystem::path(CANINE_SOURCE) / "tests" / "model" / "state_dict_full.txt";
  CHECK(actual == lines_of(read_file(list)));
  CHECK(actual.size() == 306);
  CHECK(mixer->parameters().size() == 305);
  CHECK(num_parameters == 151319442);
}

TEST_CASE("A state dict comes back as it was loaded") {
  Mixer mixer = tiny_mixer();
  const TensorFile file("model.safetensors");
  const auto entries = state_dict(*mixer);
  REQUIRE(entries.size() == file.all().size());
  for (const auto& [name, tensor] : entries) {
    CAPTURE(name);
    CHECK(max_difference(tensor, file[name]) == 0.0);
    CHECK_FALSE(tensor.requires_grad());
  }
}

TEST_CASE("A state dict shares memory with the module") {
  Mixer mixer = tiny_mixer();
  for (auto [name, tensor] : state_dict(*mixer)) tensor.zero_();
  for (const at::Tensor& parameter : mixer->parameters()) CHECK(parameter.abs().max().item<float>() == 0.0F);
}

TEST_CASE("The encoder alone takes the weights of a Hugging Face folder, with old position ids or without") {
  Mixer mixer = tiny_mixer();
  NamedTensors weights = read_safetensors(test::tiny_folder() / "encoder" / "model.safetensors");
  for (auto& [name, tensor] : weights) tensor = tensor + 1;
  weights.emplace_back("char_embeddings.position_ids", at::arange(256).view({1, 256}));
  load_state_dict(mixer->encoder(), weights, "encoder");
  const TensorFile before("model.safetensors");
  for (const auto& [name, tensor] : state_dict(*mixer)) {
    CAPTURE(name);
    const bool in_encoder = name.starts_with("encoder.");
    CHECK(max_difference(tensor, in_encoder ? before[name] + 1 : before[name]) == 0.0);
  }
}

TEST_CASE("Weights that do not fit are refused as a whole, and the message lists what is wrong") {
  Mixer mixer = tiny_mixer();
  NamedTensors values = TensorFile("model.safetensors").all();
  for (auto& [name, tensor] : values) tensor = tensor + 1;
  values[0].first = "decoder.something_else";
  for (auto& [name, tensor] : values) {
    if (name == "decoder.head.weight") tensor = at::zeros({19, 24});
  }
  std::string message;
  try {
    load_state_dict(*mixer, values, "weights.bin");
  } catch (const CheckpointError& error) {
    message = error.what();
  }
  CHECK_THAT(message, ContainsSubstring("weights.bin"));
  CHECK_THAT(message, ContainsSubstring("missing (1): decoder.decoder.layers.0.linear1.bias"));
  CHECK_THAT(message, ContainsSubstring("unexpected (1): decoder.something_else"));
  CHECK_THAT(message, ContainsSubstring("decoder.head.weight (model [2087, 24], file [19, 24])"));
  const TensorFile before("model.safetensors");
  for (const auto& [name, tensor] : state_dict(*mixer)) CHECK(max_difference(tensor, before[name]) == 0.0);
}

}  // namespace
}  // namespace canine
