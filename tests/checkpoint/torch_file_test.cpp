#include "canine/checkpoint/torch_file.hpp"

#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "canine/core/file.hpp"
#include "canine/core/sha256.hpp"
#include "temp_folder.hpp"
#include "test_paths.hpp"

namespace canine {
namespace {

const std::filesystem::path kAfter10 = CANINE_FIXTURES "/tiny_a/after10.bin";

TEST_CASE("torch file: a checkpoint of the Python program has its five keys and values") {
  const PickleValue value = read_torch_file(kAfter10);
  CHECK(value.as_dict("").items.size() == 5);
  CHECK(value.at("step", "").as_int("step") == 10);
  const auto& model = value.at("model", "").as_dict("model");
  CHECK(model.ordered);
  CHECK(model.items.size() == 146);
  CHECK(model.attributes.size() == 1);
  const at::Tensor& first = model.items.front().second.as_tensor("first");
  CHECK(model.items.front().first.as_string("") == "encoder.char_embeddings.HashBucketCodepointEmbedder_0.weight");
  CHECK(first.sizes() == at::IntArrayRef({208, 3}));
  CHECK(reinterpret_cast<uintptr_t>(first.data_ptr()) % 64 == 0);
  const PickleValue& group = value.at("optimizer", "").at("param_groups", "").as_sequence("")[0];
  CHECK(group.at("initial_lr", "").as_double("") == 0.001);
  CHECK(group.at("betas", "").as_sequence("").size() == 2);
  CHECK(group.at("fused", "").is_none());
  const auto& key = value.at("key", "").as_dict("key").items;
  REQUIRE(key.size() == 40);
  CHECK(std::isnan(key[2].first.as_double("")));
  CHECK(key[2].second.as_int("") == 2);
}

TEST_CASE("torch file: a file of Python, read and written again, has the same bytes") {
  const TempFolder folder;
  for (const std::string name : {"after10.bin", "encoder/pytorch_model.bin"}) {
    INFO(name);
    const std::string original = read_file(CANINE_FIXTURES "/tiny_a/" + name);
    const auto path = folder / "copy.bin";
    const std::string top = name == "after10.bin" ? "last" : "pytorch_model";
    const WrittenFile written = write_torch_file(path, read_torch_file(CANINE_FIXTURES "/tiny_a/" + name), top);
    const std::string copy = read_file(path);
    CHECK(written.bytes == original.size());
    CHECK(written.sha256 == sha256_of(copy));
    CHECK((copy == original));
  }
}

}  // namespace
}  // namespace canine
