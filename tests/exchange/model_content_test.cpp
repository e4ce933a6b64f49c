#include "canine/exchange/model_content.hpp"

#include <torch/nn/module.h>
// LibTorch's CHECK must not win.
#undef CHECK

#include <ATen/ops/zeros.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "canine/checkpoint/run_folder.hpp"
#include "canine/core/errors.hpp"
#include "exchange/tiny_models.hpp"
#include "support/captured_stream.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using test::same_weights;
using test::with_prefixes;
using testing::CapturedStream;
using testing::TemporaryFolder;

std::string message_of(const std::string& source) {
  try {
    read_model_content(source);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST_CASE("a checkpoint of the Python program: weights, key, step") {
  const ModelContent content = read_model_content(test::tiny_checkpoint());
  CHECK(content.format == "checkpoint");
  CHECK(content.type == ModelType::kMixer);
  CHECK(content.step == 10);
  CHECK(content.has_optimizer);
  REQUIRE(content.key.has_value());
  CHECK(content.key->size() == 40);
  CHECK_FALSE(content.card.has_value());
}

TEST_CASE("models are recognised by what they hold, whatever holds it") {
  const TemporaryFolder folder;
  const NamedTensors mixer = read_model_content(test::tiny_checkpoint()).weights;
  NamedTensors flat;
  for (const auto& [name, tensor] : with_prefixes(mixer, {"encoder."}))
    flat.emplace_back("basemodel." + name.substr(8), tensor);
  for (const auto& [name, tensor] : with_prefixes(mixer, {"linear_decoder."}))
    flat.emplace_back("out." + name.substr(15), tensor);
  struct Case {
    NamedTensors weights;
    std::optional<ModelType> type;
  };
  const Case cases[] = {{mixer, ModelType::kMixer},
                        {with_prefixes(mixer, {"encoder.", "decoder."}), ModelType::kSeq2Seq},
                        {flat, ModelType::kFlat},
                        {with_prefixes(mixer, {"encoder.", "linear_decoder."}), ModelType::kFlat},
                        {with_prefixes(mixer, {"encoder."}), std::nullopt}};
  for (const auto& [weights, type] : cases) {
    const PickleValue value = state_dict_value(weights);
    write_torch_file(folder / "model.bin", PickleValue::Dict{{{"model", value}, {"step", 3}, {"key", PickleValue()}}});
    write_torch_file(folder / "state_dict.bin", PickleValue::Dict{{{"state_dict", value}}});
    write_torch_file(folder / "raw.bin", value);
    write_safetensors(folder / "raw.safetensors", weights);
    for (const char* name : {"model.bin", "state_dict.bin", "raw.bin", "raw.safetensors"}) {
      CAPTURE(name, type);
      const ModelContent content = read_model_content((folder / name).string());
      CHECK(content.type == type);
      CHECK(same_weights(content.weights, weights));
    }
  }
  write_torch_file(folder / "flat.bin", state_dict_value(flat));
  CHECK(same_weights(mixer_weights(read_model_content((folder / "flat.bin").string())),
                     with_prefixes(mixer, {"encoder.", "linear_decoder."})));
}

TEST_CASE("old position ids are left out of a model's weights") {
  ModelContent content = read_model_content(test::tiny_checkpoint());
  const NamedTensors weights = content.weights;
  content.weights.emplace_back("encoder.char_embeddings.position_ids", at::zeros({1, 4}, at::kLong));
  CHECK(same_weights(mixer_weights(content), weights));
}

TEST_CASE("encoders are found under every name that convert_HF_model.py of the Python program knows") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"encoder.char_embeddings.LayerNorm.bias", "char_embeddings.LayerNorm.bias"},
      {"encoder.encoder.layer.11.output.dense.bias", "encoder.layer.11.output.dense.bias"},
      {"encoder.layer.2.output.dense.bias", "encoder.layer.2.output.dense.bias"},
      {"layer.2.output.dense.bias", "encoder.layer.2.output.dense.bias"},
      {"char_embeddings.LayerNorm.bias", "char_embeddings.LayerNorm.bias"},
      {"initial_char_encoder.layer.0.x", "initial_char_encoder.layer.0.x"},
      {"chars_to_molecules.conv.bias", "chars_to_molecules.conv.bias"},
      {"projection.conv.bias", "projection.conv.bias"},
      {"final_char_encoder.layer.0.x", "final_char_encoder.layer.0.x"},
      {"pooler.dense.bias", "pooler.dense.bias"},
      {"encoder.pooler.dense.bias", "pooler.dense.bias"},
      {"basemodel.encoder.layer.1.x", "encoder.layer.1.x"},
      {"canine.pooler.dense.bias", "pooler.dense.bias"},
      {"decoder.head.bias", ""},
      {"decoder.decoder.layers.0.norm1.bias", ""},
      {"linear_decoder.bias", ""},
      {"lm_head.bias", ""},
      {"head.bias", ""},
      {"classifier.bias", ""},
      {"char_embeddings.position_ids", ""},
      {"encoder.char_embeddings.position_ids", ""},
      {"step", ""},
  };
  for (const auto& [given, expected] : cases) {
    CAPTURE(given);
    const NamedTensors encoder = encoder_weights({{given, at::zeros({1})}});
    CHECK((encoder.empty() ? "" : encoder.front().first) == (expected.empty() ? "" : "encoder." + expected));
  }
}

TEST_CASE("a run folder gives its newest whole checkpoint, and stays as it is") {
  const TemporaryFolder folder;
  const PickleValue whole = read_torch_file(test::tiny_checkpoint());
  write_torch_file(folder / "10.bin", whole);
  const std::string bytes = read_file(folder / "10.bin");
  write_file(folder / "last.bin", std::string_view(bytes).substr(0, bytes.size() / 2));
  write_file(folder / "12.bin.tmp.1", "of a process that still writes, on another machine perhaps");
  const CapturedStream errors(2);
  const ModelContent content = read_model_content(folder.path().string());
  CHECK(content.path == folder / "10.bin");
  CHECK(content.format == "run folder, 10.bin");
  CHECK(content.step == 10);
  CHECK_THAT(errors.text(), ContainsSubstring("last.bin"));
  CHECK(fs::exists(folder / "12.bin.tmp.1"));
}

TEST_CASE("Hub folders of both forms, by folder or by their weights") {
  const TemporaryFolder folder;
  const ModelContent tiny = test::tiny_content();
  const bool old_form = GENERATE(false, true);
  if (old_form) {
    write_torch_file(folder / "pytorch_model.bin", state_dict_value(tiny.weights));
  } else {
    write_safetensors(folder / "model.safetensors", tiny.weights);
  }
  write_file(folder / "config.json", "{}");
  write_file(folder / "key.json", R"({"a": 0, "b": 1})");
  write_file(folder / "canine.json", tiny.card->to_json());
  for (const fs::path& source : {folder.path(), folder / (old_form ? "pytorch_model.bin" : "model.safetensors")}) {
    const ModelContent content = read_model_content(source.string());
    CHECK(content.type == ModelType::kMixer);
    CHECK(same_weights(content.weights, tiny.weights));
    REQUIRE(content.key.has_value());
    CHECK(content.key->size() == 2);
    REQUIRE(content.card.has_value());
    CHECK(content.card->to_json() == tiny.card->to_json());
  }
}

TEST_CASE("a Hub name is looked for in the local cache") {
  const TemporaryFolder cache;
  ::setenv("HF_HUB_CACHE", cache.path().c_str(), 1);
  const fs::path snapshot = cache / "models--someone--model/snapshots/0123";
  fs::create_directories(snapshot);
  write_safetensors(snapshot / "model.safetensors", test::tiny_content().weights);
  write_file(snapshot / "config.json", "{}");
  CHECK(read_model_content("someone/model").path == snapshot / "model.safetensors");
  const std::string message = message_of("someone/other");
  CHECK_THAT(message,
             ContainsSubstring("no such model in the Hub cache") && ContainsSubstring("hf download someone/other"));
  ::unsetenv("HF_HUB_CACHE");
}

TEST_CASE("what is no model is refused with its path and a reason, at once") {
  const TemporaryFolder folder;
  const std::string whole = read_file(test::tiny_checkpoint());
  write_file(folder / "empty.bin", "");
  write_file(folder / "text.bin", "these are no tensors\n");
  write_file(folder / "torn.bin", std::string_view(whole).substr(0, whole.size() - 1000));
  write_file(folder / "huge.safetensors", std::string(8, '\xff') + "{}");
  write_file(folder / "none.safetensors", std::string("\x02\0\0\0\0\0\0\0{}", 10));
  write_torch_file(folder / "number.bin", PickleValue(3));
  write_torch_file(folder / "other.bin", PickleValue::Dict{{{"weights", 3}}});
  write_torch_file(folder / "empty_dict.bin", PickleValue::Dict{});
  write_torch_file(folder / "no_dict.bin", PickleValue::Dict{{{"model", 3}}});
  write_torch_file(folder / "card.bin", PickleValue::Dict{{{"model", state_dict_value({{"a", at::zeros({1})}})},
                                                           {"canine", PickleValue::Dict{{{"card", "[]"}}}}}});
  fs::create_directory(folder / "folder");
  fs::create_symlink("loop_b", folder / "loop_a");
  fs::create_symlink("loop_a", folder / "loop_b");
  fs::create_directory(folder / "looped");
  fs::create_symlink("model.safetensors", folder / "looped" / "model.safetensors");
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  const std::pair<const char*, const char*> cases[] = {
      {"absent.bin", "there is no such file or folder"},
      {"empty.bin", "not a safetensors file: 0 bytes"},
      {"text.bin", "neither a file of torch.save nor one of safetensors"},
      {"torn.bin", "torn.bin"},
      {"huge.safetensors", "the header would have 18446744073709551615 bytes"},
      {"none.safetensors", "holds no tensors"},
      {"number.bin", "holds no model"},
      {"other.bin", "holds no model"},
      {"empty_dict.bin", "holds no model"},
      {"no_dict.bin", "model"},
      {"card.bin", "canine/card: expected a JSON object"},
      {"folder", "the folder holds no model"},
      {"loop_a", "loop_a: "},
      {"looped", "the folder holds no model"},
      {"pipe", "is not a regular file"},
  };
  for (const auto& [name, reason] : cases) {
    CAPTURE(name);
    CHECK_THAT(message_of((folder / name).string()), ContainsSubstring(name) && ContainsSubstring(reason));
  }
  CHECK_THAT(message_of("/dev/zero"), ContainsSubstring("is not a regular file"));
  CHECK_THAT(message_of(""), ContainsSubstring("there is no such file or folder"));
}

}  // namespace
}  // namespace canine
