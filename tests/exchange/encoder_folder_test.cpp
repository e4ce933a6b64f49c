#include "canine/exchange/encoder_folder.hpp"

#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "canine/checkpoint/safetensors.hpp"
#include "canine/checkpoint/state_dict.hpp"
#include "canine/checkpoint/torch_file.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "support/temporary_folder.hpp"
#include "test_paths.hpp"

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;
using testing::TemporaryFolder;

const fs::path kEncoder = CANINE_FIXTURES "/tiny_a/encoder";

TEST_CASE("encoder folder: both weight files of the fixture give the same tensors") {
  const EncoderFolder encoder = find_encoder(kEncoder);
  CHECK(read_encoder_config(encoder.folder).find("\"num_hash_buckets\"") != std::string::npos);
  const NamedTensors safetensors = encoder.read_weights();
  REQUIRE(safetensors.size() > 20);
  const TemporaryFolder folder;
  fs::copy(kEncoder / "config.json", folder / "config.json");
  fs::copy(kEncoder / "pytorch_model.bin", folder / "pytorch_model.bin");
  const NamedTensors torch_file = find_encoder(folder.path()).read_weights();
  REQUIRE(torch_file.size() == safetensors.size());
  const PickleValue by_name = state_dict_value(torch_file);
  for (const auto& [name, tensor] : safetensors) {
    INFO(name);
    CHECK_FALSE(name.starts_with("canine."));
    CHECK(at::equal(tensor, by_name.at(name, "").as_tensor(name)));
  }
}

TEST_CASE("encoder folder: a model with a head gives its encoder only") {
  const TemporaryFolder folder;
  write_file(folder / "config.json", "{}", false);
  const at::Tensor tensor = at::ones({2});
  write_safetensors(folder / "model.safetensors", {{"canine.pooler.dense.bias", tensor},
                                                   {"canine.char_embeddings.position_ids", tensor},
                                                   {"classifier.weight", tensor}});
  const NamedTensors weights = find_encoder(folder.path()).read_weights();
  REQUIRE(weights.size() == 1);
  CHECK(weights[0].first == "pooler.dense.bias");
  write_safetensors(folder / "model.safetensors", {{"pooler.dense.bias", tensor}, {"position_ids", tensor}});
  CHECK(find_encoder(folder.path()).read_weights().size() == 1);
  write_safetensors(folder / "model.safetensors", {{"position_ids", tensor}});
  CHECK_THROWS_AS(find_encoder(folder.path()).read_weights(), CheckpointError);
}

TEST_CASE("encoder folder: a weights file that is no dict of tensors is refused") {
  const TemporaryFolder folder;
  write_file(folder / "config.json", "{}", false);
  write_torch_file(folder / "pytorch_model.bin", PickleValue::Dict{{{"a", 1}}});
  CHECK_THROWS_WITH(find_encoder(folder.path()).read_weights(), ContainsSubstring("holds no model"));
}

TEST_CASE("encoder folder: what is missing is named") {
  const TemporaryFolder folder;
  CHECK_THROWS_AS(find_encoder(folder.path()), UsageError);
  CHECK_THROWS_WITH(find_encoder(folder.path()), ContainsSubstring("has no config.json"));
  write_file(folder / "config.json", "{}", false);
  CHECK_THROWS_WITH(find_encoder(folder.path()), ContainsSubstring("no model.safetensors or pytorch_model.bin"));
}

}  // namespace
}  // namespace canine
