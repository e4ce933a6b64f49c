#include "canine/exchange/write_model.hpp"

#include <torch/nn/module.h>
// LibTorch's CHECK must not win.
#undef CHECK

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include "canine/exchange/encoder_folder.hpp"
#include "exchange/tiny_models.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;
using test::same_weights;
using testing::TemporaryFolder;

TEST_CASE("checkpoint -> Hub folder -> checkpoint -> safetensors keeps every bit, the key and the card") {
  const TemporaryFolder folder;
  const ModelContent tiny = test::tiny_content();
  write_hub_folder(folder / "hub", tiny);
  const ModelContent hub = read_model_content((folder / "hub").string());
  write_checkpoint(folder / "again.bin", hub);
  const ModelContent again = read_model_content((folder / "again.bin").string());
  write_safetensors_model(folder / "again.safetensors", again);
  const ModelContent last = read_model_content((folder / "again.safetensors").string());
  for (const ModelContent* content : {&hub, &again, &last}) {
    CAPTURE(content->format);
    CHECK(content->type == ModelType::kMixer);
    CHECK(same_weights(content->weights, tiny.weights));
    REQUIRE(content->key.has_value());
    CHECK(*content->key == *tiny.key);
    REQUIRE(content->card.has_value());
    CHECK(content->card->to_json() == tiny.card->to_json());
  }
}

TEST_CASE("a Hub folder's config.json holds the arguments of the Python package's constructors") {
  const TemporaryFolder folder;
  const ModelContent tiny = test::tiny_content();
  write_hub_folder(folder.path(), tiny);
  const auto config = nlohmann::json::parse(read_file(folder / "config.json"));
  CHECK(is_mixer_config(config.dump()));
  CHECK_FALSE(is_mixer_config(read_file(test::tiny_folder() / "encoder" / "config.json")));
  CHECK(config["model_domain"] == "Multilingual_CANINE");
  CHECK(config["model_type"] == "seq2seq_mixer");
  CHECK(config["num_classes"] == std::vector<int>(12, 2086));
  CHECK(config["num_classes_flat"] == 40);
  CHECK_FALSE(config.contains("decoder_dim_feedforward"));
  const auto key = nlohmann::json::parse(read_file(folder / "key.json"));
  CHECK(key.size() == 40);
  CHECK(key["58340"] == 0);
  CHECK(key["NaN"] == 2);
}

TEST_CASE("an export over another one leaves nothing of it behind that would be believed") {
  const TemporaryFolder folder;
  ModelContent tiny = test::tiny_content();
  write_hub_folder(folder.path(), tiny);
  tiny.key.reset();
  write_hub_folder(folder.path(), tiny);
  CHECK_FALSE(fs::exists(folder / "key.json"));
  write_encoder_folder(folder.path(), tiny, tiny.card->encoder);
  CHECK_FALSE(fs::exists(folder / "canine.json"));
}

TEST_CASE("a mixer's encoder becomes a folder that --encoder takes") {
  const TemporaryFolder folder;
  const ModelContent tiny = test::tiny_content();
  write_encoder_folder(folder.path(), tiny, tiny.card->encoder);
  const EncoderFolder found = find_encoder(folder.path().string());
  NamedTensors encoder;
  for (const auto& [name, tensor] : found.read_weights()) encoder.emplace_back("encoder." + name, tensor);
  CHECK(same_weights(encoder, encoder_weights(tiny.weights)));
  CHECK(nlohmann::json::parse(read_encoder_config(found.folder))["num_attention_heads"] == 4);
}

}  // namespace
}  // namespace canine
