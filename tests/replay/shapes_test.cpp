#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "canine/checkpoint/safetensors.hpp"
#include "canine/core/file.hpp"
#include "canine/model/encoder_config.hpp"
#include "canine/model/mixer.hpp"
#include "canine/replay/compare.hpp"
#include "canine/replay/replay.hpp"
#include "support/temporary_folder.hpp"
#include "test_paths.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

/// A folder that a test makes up. B rows, T characters.
struct Shape {
  const char* formatter;
  int64_t num_blocks, block_size, vocabulary, classes;
  int64_t B, T, batches, epochs;
  double warmup;
  int64_t warmup_steps;  // expected
  int64_t hidden, heads, deep_layers, buckets, window;
  int64_t decoder_layers, feedforward;
};

MixerOptions model_options(const Shape& shape) {
  MixerOptions options;
  options.encoder.hidden_size = shape.hidden;
  options.encoder.num_hidden_layers = shape.deep_layers;
  options.encoder.num_attention_heads = shape.heads;
  options.encoder.intermediate_size = shape.hidden + 12;
  options.encoder.num_hash_buckets = shape.buckets;
  options.encoder.local_transformer_stride = shape.window;
  options.vocabulary_size = shape.vocabulary;
  options.num_classes = shape.classes;
  options.decoder_layers = shape.decoder_layers;
  options.decoder_dim_feedforward = shape.feedforward;
  return options;
}

void add_batch(const Shape& shape, const std::string& prefix, NamedTensors& tensors) {
  const at::Tensor lengths = at::randint(2, shape.T + 1, {shape.B, 1});
  const at::Tensor mask = at::arange(shape.T).unsqueeze(0).lt(lengths).to(at::kLong);
  const int64_t num_tokens = shape.num_blocks * shape.block_size;
  const at::Tensor codes = at::randint(1, shape.num_blocks + 1, {shape.B, 1});
  const at::Tensor filled = at::arange(num_tokens).unsqueeze(0).lt(codes * shape.block_size);
  const at::Tensor symbols = at::randint(5, shape.vocabulary - 1, {shape.B, num_tokens}, at::kLong);
  const auto column = [&](int64_t token) { return at::full({shape.B, 1}, token, at::kLong); };
  tensors.emplace_back(prefix + "input_ids", at::randint(32, 0x3000, {shape.B, shape.T}, at::kLong) * mask);
  tensors.emplace_back(prefix + "attention_mask", mask);
  tensors.emplace_back(prefix + "targets_seq2seq", at::cat({column(2), symbols.masked_fill(~filled, 1), column(3)}, 1));
  tensors.emplace_back(prefix + "targets_linear", at::rand({shape.B, shape.classes}).lt(0.1).to(at::kFloat));
}

void make_folder(const Shape& shape, const fs::path& folder) {
  at::manual_seed(4);
  fs::create_directories(folder / "encoder");
  Mixer model(model_options(shape));
  write_safetensors(folder / "model.safetensors", state_dict(*model));
  write_file(folder / "encoder" / "config.json", encoder_config_json(model->options().encoder), false);
  NamedTensors batch, step_batches;
  for (int64_t i = 0; i < shape.batches; ++i) add_batch(shape, std::to_string(i) + ".", step_batches);
  for (const auto& [name, tensor] : step_batches) {
    if (name.starts_with("0.")) batch.emplace_back(name.substr(2), tensor);
  }
  write_safetensors(folder / "batch.safetensors", batch);
  write_safetensors(folder / "step_batches.safetensors", step_batches);
  Json spec = {{"formatter", shape.formatter},   {"learning_rate", 1e-3},       {"warmup_pct", shape.warmup},
               {"epochs", shape.epochs},         {"seq2seq_weight", 0.1},       {"steps_seq2seq_weight", 0.5},
               {"block_size", shape.block_size}, {"target_cols", Json::array()}};
  for (int64_t i = 0; i < shape.num_blocks; ++i) spec["target_cols"].push_back("code" + std::to_string(i));
  write_file(folder / "spec.json", spec.dump(), false);
}

at::Tensor activation(const fs::path& out, const std::string& name) {
  for (const auto& [stage, tensor] : read_safetensors(out / "activations.safetensors")) {
    if (stage == name) return tensor;
  }
  FAIL("no activation " << name);
  return {};
}

Json json(const fs::path& path) { return Json::parse(read_file(path)); }

TEST_CASE("folders of every formatter and other shapes replay") {
  const Shape shape = GENERATE(Shape{"hisco", 5, 5, 19, 1919, 3, 128, 2, 3, 0.25, 1, 32, 2, 1, 140, 128, 3, 32},
                               Shape{"occ1950", 2, 3, 16, 1000, 5, 61, 3, 2, 0.5, 3, 16, 4, 3, 70, 32, 1, 20},
                               Shape{"gpf", 1, 8, 2087, 3, 2, 21, 1, 1, 0.0, 0, 24, 3, 2, 50, 8, 2, 8},
                               Shape{"gpf", 4, 2, 2087, 7, 2, 150, 2, 1, 1.0, 2, 8, 1, 1, 200, 64, 4, 40});
  const testing::TemporaryFolder temporary;
  const fs::path folder = temporary / "folder", out = temporary / "out", other = temporary / "other";
  make_folder(shape, folder);
  replay({.folder = folder, .out = out});

  const int64_t S = shape.num_blocks * shape.block_size + 1;
  INFO(shape.formatter << " " << shape.num_blocks << " x " << shape.block_size);
  CHECK(activation(out, "encoder.final").sizes() == at::IntArrayRef{shape.B, shape.T, shape.hidden});
  CHECK(activation(out, "encoder.molecules").sizes() == at::IntArrayRef{shape.B, shape.T / 4, shape.hidden});
  CHECK(activation(out, "seq_logits").sizes() == at::IntArrayRef{shape.B, S, shape.vocabulary});
  CHECK(activation(out, "flat_logits").sizes() == at::IntArrayRef{shape.B, shape.classes});
  for (const auto& [name, gradient] : read_safetensors(out / "gradients.safetensors")) {
    INFO(name);
    CHECK(gradient.isfinite().all().item<bool>());
  }

  const Json steps = json(out / "steps.json");
  CHECK(steps["total_steps"] == shape.batches * shape.epochs);
  CHECK(steps["warmup_steps"] == shape.warmup_steps);
  REQUIRE(steps["steps"].size() == static_cast<size_t>(shape.batches * shape.epochs));
  CHECK(steps["steps"].back()["batch"] == shape.batches - 1);
  for (const Json& step : steps["steps"]) CHECK(step["loss"].is_number());

  const Json greedy = json(out / "greedy.json");
  REQUIRE(greedy["tokens"].size() == static_cast<size_t>(shape.B));
  for (const Json& row : greedy["tokens"]) {
    REQUIRE(row.size() == static_cast<size_t>(S + 1));
    CHECK(row[0] == 2);
  }
  CHECK(greedy["flat_top5"]["index"][0].size() == static_cast<size_t>(std::min<int64_t>(5, shape.classes)));

  const Json losses = json(out / "losses.json");
  CHECK(losses["loss_by_step_batch_at_start"].size() == static_cast<size_t>(shape.batches));
  CHECK(losses["parameters_without_gradient"].empty());

  // The other way of attending gives the same numbers.
  replay({.folder = folder, .out = other, .attention = Attention::kEager});
  for (const StageComparison& stage : compare_replays(out, other)) {
    INFO(stage.stage << ": " << stage.measure << " " << stage.error << ", " << stage.where);
    CHECK(stage.agrees());
  }
}

TEST_CASE("folders made by transformers and torch agree in every stage") {
  const std::string formatter = GENERATE("hisco", "occ1950");
  CAPTURE(formatter);
  if (!fs::exists(CANINE_PYTHON)) SKIP("no Python with transformers and torch: " CANINE_PYTHON);
  const testing::TemporaryFolder temporary;
  const fs::path folder = temporary / "folder";
  const std::string command = "OMP_NUM_THREADS=1 '" CANINE_PYTHON "' '" CANINE_SOURCE "/tests/replay/peer.py' '" +
                              folder.string() + "' " + formatter;
  REQUIRE(std::system(command.c_str()) == 0);
  replay({.folder = folder, .out = temporary / "out"});
  const std::vector<StageComparison> stages = compare_replays(folder, temporary / "out");
  CHECK(stages.size() > 50);
  for (const StageComparison& stage : stages) {
    INFO(stage.stage << ": " << stage.measure << " " << stage.error << ", " << stage.where);
    CHECK(stage.agrees());
  }
}

}  // namespace
}  // namespace canine
