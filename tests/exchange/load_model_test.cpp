#include "canine/exchange/load_model.hpp"

#include <torch/nn/module.h>
// LibTorch's CHECK must not win.
#undef CHECK

#include <ATen/ops/abs.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <functional>

#include "canine/core/errors.hpp"
#include "canine/exchange/label_key_text.hpp"
#include "canine/exchange/write_model.hpp"
#include "exchange/tiny_models.hpp"
#include "support/captured_stream.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using test::tiny_checkpoint;
using test::tiny_overrides;
using test::with_prefixes;
using testing::CapturedStream;
using testing::TemporaryFolder;

at::Tensor tensor_of(const NamedTensors& tensors, const std::string& name) {
  for (const auto& [key, tensor] : tensors) {
    if (key == name) return tensor;
  }
  FAIL("no tensor " << name);
  return {};
}

MixerOutput run(Mixer model) {
  const NamedTensors batch = read_safetensors(test::tiny_folder() / "batch.safetensors");
  return model->forward(tensor_of(batch, "input_ids"), tensor_of(batch, "attention_mask"),
                        tensor_of(batch, "targets_seq2seq").narrow(1, 0, 11));
}

/// A Hub folder of the reference's start weights, whose activations are known.
void write_start_folder(const fs::path& folder) {
  ModelContent content = test::tiny_content();
  content.weights = read_safetensors(test::tiny_folder() / "model.safetensors");
  write_hub_folder(folder, content);
}

TEST_CASE("a model computes what the reference's did, described by its card or by the user") {
  const TemporaryFolder folder;
  const bool has_card = GENERATE(false, true);
  write_start_folder(folder.path());
  if (!has_card) fs::remove(folder / "canine.json");
  LoadedModel loaded = load_model(folder.path().string(), has_card ? ModelOverrides() : tiny_overrides());
  CHECK(loaded.card.type == ModelType::kMixer);
  CHECK(loaded.card.target_cols == std::vector<std::string>{"hisco_1", "hisco_2"});
  CHECK(loaded.card.formatter.num_columns == 2);
  CHECK(loaded.codes->num_classes() == 40);
  CHECK(loaded.codes->key()->code(0) == "58340");
  CHECK_FALSE(loaded.model->is_training());
  const NamedTensors expected = read_safetensors(test::tiny_folder() / "activations.safetensors");
  const MixerOutput output = run(loaded.model);
  CHECK(at::allclose(output.sequence_logits, tensor_of(expected, "seq_logits"), 1e-4, 2e-5));
  CHECK(at::allclose(output.flat_logits, tensor_of(expected, "flat_logits"), 1e-4, 2e-5));
}

TEST_CASE("seq2seq and flat models have what they have") {
  const TemporaryFolder folder;
  const ModelContent tiny = test::tiny_content();
  const MixerOutput whole = run(load_model(tiny_checkpoint(), tiny_overrides()).model);
  ModelContent part = tiny;
  part.weights = with_prefixes(tiny.weights, {"encoder.", "decoder."});
  part.type = ModelType::kSeq2Seq;
  write_checkpoint(folder / "seq2seq.bin", part);
  LoadedModel seq2seq = load_model((folder / "seq2seq.bin").string(), {});
  CHECK(seq2seq.card.type == ModelType::kSeq2Seq);
  CHECK_FALSE(seq2seq.model->has_flat_head());
  CHECK(run(seq2seq.model).sequence_logits.equal(whole.sequence_logits));

  part.weights = with_prefixes(tiny.weights, {"encoder.", "linear_decoder."});
  part.type = ModelType::kFlat;
  write_checkpoint(folder / "flat.bin", part);
  CHECK(with_prefixes(read_model_content((folder / "flat.bin").string()).weights, {"basemodel.", "out."}).size() ==
        part.weights.size());
  LoadedModel flat = load_model((folder / "flat.bin").string(), {});
  CHECK(flat.card.type == ModelType::kFlat);
  CHECK_FALSE(flat.model->has_decoder());
  CHECK(run(flat.model).flat_logits.equal(whole.flat_logits));
}

TEST_CASE("a run of the Python program is described by its args.yaml and key.csv") {
  const TemporaryFolder folder;
  PickleValue::Dict raw;
  raw.items.emplace_back("model", read_torch_file(tiny_checkpoint()).at("model", ""));
  write_torch_file(folder / "last.bin", raw);
  fs::copy_file(test::tiny_folder() / "data" / "key.csv", folder / "key.csv");
  write_file(folder / "args.yaml", "block_size: 5\ntarget_cols:\n- a\n- b\nuse_within_block_sep: false\nmax_len: 96\n");
  ModelOverrides overrides;
  overrides.encoder_config = tiny_overrides().encoder_config;
  const LoadedModel loaded = load_model(folder.path().string(), overrides);
  CHECK(loaded.card.target_cols == std::vector<std::string>{"a", "b"});
  CHECK(loaded.card.max_len == 96);
  CHECK(loaded.codes->key()->size() == 40);

  for (const auto& [yaml, message] :
       {std::pair("block_size: [", "args.yaml"), std::pair("block_size: five", "args.yaml"),
        std::pair("- a", "args.yaml"), std::pair("formatter: isco", "formatter must be one of"),
        std::pair("target_cols: 3", "args.yaml")}) {
    CAPTURE(yaml);
    write_file(folder / "args.yaml", yaml);
    CHECK_THROWS_MATCHES(load_model(folder.path().string(), overrides), CheckpointError,
                         MessageMatches(ContainsSubstring(message)));
  }
}

TEST_CASE("what only the user can know is asked for") {
  using Change = std::function<void(ModelOverrides&)>;
  const auto [change, message] = GENERATE(table<Change, std::string>({
      {[](ModelOverrides& o) { o.encoder_config.clear(); }, "--encoder-config"},
      {[](ModelOverrides& o) { o.target_cols.clear(); }, "--target-cols and --block-size"},
      {[](ModelOverrides& o) { o.formatter = FormatterKind::kHisco; }, "writes 2087 symbols"},
      {[](ModelOverrides& o) { o.mapping = test::tiny_folder() / "run" / "key.csv"; }, "--mapping"},
  }));
  CAPTURE(message);
  ModelOverrides overrides = tiny_overrides();
  change(overrides);
  CHECK_THROWS_MATCHES(load_model(tiny_checkpoint(), overrides), UsageError,
                       MessageMatches(ContainsSubstring(message)));
}

TEST_CASE("a block size that nobody says is the usual one, with a note") {
  ModelOverrides overrides = tiny_overrides();
  overrides.block_size.reset();
  const CapturedStream errors(2);
  CHECK(load_model(tiny_checkpoint(), overrides).card.formatter.block_size == 5);
  CHECK_THAT(errors.text(), ContainsSubstring("the usual 5 are assumed") && ContainsSubstring("--block-size"));
}

TEST_CASE("columns of other names, also fewer of them, leave a described model as it is") {
  const ModelContent content = test::tiny_content();
  const auto described = [&content](std::vector<std::string> columns) {
    ModelOverrides overrides;
    overrides.target_cols = std::move(columns);
    return describe_model(content, overrides).card;
  };
  CHECK(described({"a", "b"}).target_cols == std::vector<std::string>{"a", "b"});
  CHECK(described({"a"}).formatter == content.card->formatter);
  CHECK_THROWS_MATCHES(described({"a", "b", "c"}), UsageError,
                       MessageMatches(ContainsSubstring("at most 2 label columns")));
}

TEST_CASE("a general-purpose model without its key is refused") {
  const TemporaryFolder folder;
  write_torch_file(folder / "model.bin", read_torch_file(tiny_checkpoint()).at("model", ""));
  CHECK_THROWS_MATCHES(load_model((folder / "model.bin").string(), tiny_overrides()), UsageError,
                       MessageMatches(ContainsSubstring("--mapping")));
  ModelOverrides overrides = tiny_overrides();
  overrides.mapping = test::tiny_folder() / "data" / "key.csv";
  CHECK(load_model((folder / "model.bin").string(), overrides).codes->num_classes() == 40);
}

TEST_CASE("a general-purpose model of the Python program's train_mixer has the numbers of its classes as codes") {
  const TemporaryFolder folder;
  ModelContent content;
  content.weights = state_dict(*test::small_mixer(2087, 1919));
  content.type = ModelType::kMixer;
  write_checkpoint(folder / "last.bin", content);
  const std::string source = (folder / "last.bin").string();
  {
    const CapturedStream errors(2);
    const LoadedModel loaded = load_model(source, tiny_overrides());
    CHECK(loaded.card.formatter.kind == FormatterKind::kGeneral);
    CHECK(loaded.codes->num_classes() == 1919);
    CHECK(loaded.codes->code(7) == "7");
    CHECK(loaded.codes->class_of_cell("1918") == 1918);
    CHECK_THAT(errors.text(), ContainsSubstring("the codes 0 to 1918") && ContainsSubstring("--mapping"));
  }
  ModelOverrides overrides = tiny_overrides();  // one that does not fit is not passed over
  overrides.mapping = test::tiny_folder() / "data" / "key.csv";
  CHECK_THROWS_MATCHES(load_model(source, overrides), UsageError, MessageMatches(ContainsSubstring("1919 classes")));
}

TEST_CASE("a run's key comes from its checkpoint") {
  ModelContent content = test::tiny_content();
  CHECK(key_of_run(content) == *content.key);
  content.key.reset();
  CHECK_THROWS_MATCHES(key_of_run(content), CheckpointError, MessageMatches(ContainsSubstring("key.csv")));
  content.weights = state_dict(*test::small_mixer(2087, 1919));
  const CapturedStream notes(2);
  CHECK(key_of_run(content).size() == 1919);
  CHECK(key_of_run(content).find("1918") == 1918);
  content.card->formatter.kind = FormatterKind::kOcc1950;
  CHECK_THROWS_MATCHES(key_of_run(content), CheckpointError, MessageMatches(ContainsSubstring("--formatter occ1950")));
  content.card.reset();
  content.weights = state_dict(*test::small_mixer(19, 1919));  // as the Python program's train_mixer writes HISCO
  CHECK_THROWS_MATCHES(key_of_run(content), CheckpointError, MessageMatches(ContainsSubstring("--formatter hisco")));
}

TEST_CASE("built-in classifications are known by their shapes, their weights may be of several types") {
  const auto [symbols, classes, kind] = GENERATE(table<int64_t, int64_t, FormatterKind>({
      {19, 1919, FormatterKind::kHisco},
      {19, 0, FormatterKind::kHisco},
      {0, 1919, FormatterKind::kHisco},
      {16, 1000, FormatterKind::kOcc1950},
      {0, 1000, FormatterKind::kOcc1950},
  }));
  const TemporaryFolder folder;
  Mixer model = test::small_mixer(symbols, classes);
  NamedTensors weights;
  for (const auto& [name, tensor] : state_dict(*model)) {
    weights.emplace_back(name, name.starts_with("encoder.") ? tensor.to(at::kBFloat16) : tensor);
  }
  write_safetensors(folder / "weights.safetensors", weights);
  ModelOverrides overrides;
  overrides.encoder_config = tiny_overrides().encoder_config;
  const LoadedModel loaded = load_model((folder / "weights.safetensors").string(), overrides);
  CHECK(loaded.card.formatter.kind == kind);
  CHECK(loaded.card.target_cols == CodeSystem::usual_columns(kind));
  CHECK(loaded.model->parameters().front().scalar_type() == at::kFloat);
}

TEST_CASE("an encoder of the published width is taken to have the published settings, and that is said") {
  EncoderOptions shape;
  shape.num_hidden_layers = 1;
  shape.intermediate_size = 8;
  shape.num_hash_buckets = 128;
  MixerOptions options;
  options.encoder = shape;
  options.num_classes = 1000;
  Mixer model(options);
  const TemporaryFolder folder;
  write_safetensors(folder / "wide.safetensors", state_dict(*model));
  const CapturedStream errors(2);
  const LoadedModel loaded = load_model((folder / "wide.safetensors").string(), {});
  CHECK(loaded.card.encoder.num_attention_heads == 12);
  CHECK_THAT(errors.text(), ContainsSubstring("12 heads") && ContainsSubstring("--encoder-config"));
}

TEST_CASE("weights that are not those of one model are refused before memory is taken for them") {
  using Change = std::function<void(NamedTensors&)>;
  const auto replace = [](const std::string& name, const at::Tensor& tensor) {
    return [=](NamedTensors& weights) {
      for (auto& [key, value] : weights) {
        if (key == name) value = tensor;
      }
    };
  };
  const at::Tensor expanded = at::zeros({1}).expand({int64_t{1} << 23, int64_t{1} << 20});
  const std::string positions = "encoder.char_embeddings.char_position_embeddings.weight";
  const std::vector<std::pair<Change, std::string>> cases = {
      {replace(positions, expanded), "too often"},
      {replace(positions, at::zeros({208, 24}, at::kLong)), "is no weight"},
      {replace(positions, at::zeros({1, 1 << 20})), "has the shape"},
      {replace(positions, at::zeros({0, 24})), "has the shape"},
      {replace("decoder.head.weight", at::zeros({2087, 23})), "has the shape"},
      {replace("encoder.encoder.layer.1.intermediate.dense.weight", at::zeros({41, 24})), "has the shape"},
      {replace("decoder.decoder.layers.2.self_attn.in_proj_weight", at::zeros({1, 1})), "has the shape"},
      {replace("encoder.pooler.dense.bias", at::zeros({23})), "do not fit the model"},
      {[](NamedTensors& weights) { weights.erase(weights.begin()); }, "num_hash_functions"},
      {[](NamedTensors& weights) { weights.emplace_back("more", at::zeros({1})); }, "unexpected (1): more"},
      {[](NamedTensors& weights) {
         weights = {{"a", at::zeros({1})}};
       },
       "no model of this project"},
  };
  const TemporaryFolder folder;
  for (const auto& [change, message] : cases) {
    CAPTURE(message);
    ModelContent content = test::tiny_content();
    change(content.weights);
    write_torch_file(folder / "odd.bin", PickleValue::Dict{{{"model", state_dict_value(content.weights)},
                                                            {"key", to_value(*content.key)}}});
    CHECK_THROWS_MATCHES(load_model((folder / "odd.bin").string(), tiny_overrides()), Error,
                         MessageMatches(ContainsSubstring(message)));
  }
}

TEST_CASE("a card that contradicts the weights is refused") {
  const TemporaryFolder folder;
  ModelContent content = test::tiny_content();
  content.card->encoder.num_hidden_layers = 1 << 20;
  write_checkpoint(folder / "card.bin", content);
  CHECK_THROWS_MATCHES(load_model((folder / "card.bin").string(), {}), UsageError,
                       MessageMatches(ContainsSubstring("num_hidden_layers 2")));
}

TEST_CASE("--encoder-config may not contradict what is stored with the model, but for rates of dropout") {
  const TemporaryFolder folder;
  write_checkpoint(folder / "own.bin", test::tiny_content());
  const auto describe = [&](const std::string& key, const std::string& value) {
    std::string config = read_file(tiny_overrides().encoder_config);
    const size_t at = config.find(':', config.find('"' + key + '"')) + 2;
    config.replace(at, config.find_first_of(",\n", at) - at, value);
    write_file(folder / "config.json", config);
    ModelOverrides overrides;
    overrides.encoder_config = folder / "config.json";
    return overrides;
  };
  const std::string own = (folder / "own.bin").string();
  for (const auto& [key, value, stored] :
       {std::array{"num_attention_heads", "3", "4"}, std::array{"local_transformer_stride", "64", "128"},
        std::array{"layer_norm_eps", "1e-05", "1e-12"}}) {
    CAPTURE(key);
    const ModelOverrides overrides = describe(key, value);
    const std::string found = "its " + std::string(key) + " is " + value;
    const std::string expected = "is " + std::string(stored) + ";";
    CHECK_THROWS_MATCHES(load_model(own, overrides), UsageError,
                         MessageMatches(ContainsSubstring(found) && ContainsSubstring(expected)));
    CHECK_THROWS_MATCHES(describe_encoder(read_model_content(own), overrides), UsageError,
                         MessageMatches(ContainsSubstring(found) && ContainsSubstring(expected)));
    ModelOverrides of_other = tiny_overrides();
    of_other.encoder_config = overrides.encoder_config;
    CHECK_NOTHROW(load_model(tiny_checkpoint(), of_other));  // which says nothing of its encoder
  }
  CHECK(load_model(own, describe("hidden_dropout_prob", "0.25")).card.encoder.hidden_dropout_prob == 0.25);
}

TEST_CASE("an encoder in Hugging Face layout is described by the config.json beside its weights") {
  const EncoderOptions encoder = describe_encoder(read_model_content((test::tiny_folder() / "encoder").string()), {});
  CHECK(encoder.num_attention_heads == 4);
  CHECK(encoder.max_position_embeddings == 256);
}

}  // namespace
}  // namespace canine
