#include "canine/replay/replay.hpp"

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>

#include "canine/checkpoint/safetensors.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/replay/compare.hpp"
#include "support/temporary_folder.hpp"
#include "test_paths.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;
using Json = nlohmann::ordered_json;

const fs::path kTinyA = CANINE_FIXTURES "/tiny_a";

std::vector<StageComparison> replay_and_compare(const fs::path& folder, Attention attention) {
  const testing::TemporaryFolder out;
  replay({.folder = folder, .out = out.path(), .attention = attention});
  return compare_replays(folder, out.path());
}

/// A copy of tiny_a's inputs without optimizer steps, of which a test spoils one part.
class SmallCopy {
 public:
  SmallCopy() {
    for (const char* name :
         {"encoder", "batch.safetensors", "step_batches.safetensors", "model.safetensors", "activations.safetensors"}) {
      fs::create_symlink(kTinyA / name, folder_ / name);
    }
    spec = Json::parse(read_file(kTinyA / "spec.json"));
    spec["epochs"] = 0;
  }

  const fs::path& path() {
    write_file(folder_ / "spec.json", spec.dump(), false);
    return folder_.path();
  }

  void remove(const std::string& name) { fs::remove(folder_ / name); }

  /// Replaces a tensor file by what `change` makes of it.
  void change(const std::string& name, const std::function<void(NamedTensors&)>& change) {
    NamedTensors tensors = read_safetensors(kTinyA / name);
    change(tensors);
    remove(name);
    write_safetensors(folder_ / name, tensors);
  }

  Json spec;

 private:
  testing::TemporaryFolder folder_;
};

at::Tensor& tensor(NamedTensors& tensors, const std::string& name) {
  const auto found = std::ranges::find(tensors, name, [](const auto& entry) { return entry.first; });
  REQUIRE(found != tensors.end());
  return found->second;
}

TEST_CASE("replay of tiny_a agrees with the reference in every stage") {
  const auto attention = GENERATE(Attention::kSdpa, Attention::kEager);
  const std::vector<StageComparison> stages = replay_and_compare(kTinyA, attention);
  for (const StageComparison& stage : stages) {
    INFO(stage.stage << ": " << stage.measure << " " << stage.error << ", " << stage.where);
    CHECK(stage.agrees());
  }
  const auto has = [&](const std::string& name) {
    return std::ranges::any_of(stages, [&](const auto& stage) { return stage.stage == name; });
  };
  for (const char* name : {"encoder.embeddings",
                           "encoder.deep.1",
                           "encoder.pooled",
                           "decoder.layer.2",
                           "seq_logits",
                           "flat_logits",
                           "loss total",
                           "losses of step batch 4",
                           "metrics of all step batches",
                           "gradient norm",
                           "gradients of decoder.token_emb",
                           "gradients of encoder.char_embeddings",
                           "greedy tokens",
                           "greedy probabilities",
                           "greedy flat top 5",
                           "learning rates",
                           "step 10",
                           "weights after steps: decoder.head",
                           "metrics after steps",
                           "long text: encoder.final",
                           "trained: greedy tokens",
                           "trained: metrics"}) {
    INFO(name);
    CHECK(has(name));
  }
}

TEST_CASE("a changed weight shows first in the stage that uses it") {
  struct Case {
    const char* weight;
    const char* first_stage;
  };
  const Case c = GENERATE(Case{"encoder.char_embeddings.LayerNorm.bias", "encoder.embeddings"},
                          Case{"encoder.initial_char_encoder.layer.0.output.dense.bias", "encoder.initial"},
                          Case{"encoder.chars_to_molecules.conv.bias", "encoder.molecules"},
                          Case{"encoder.encoder.layer.0.attention.self.value.weight", "encoder.deep.0"},
                          Case{"encoder.encoder.layer.1.intermediate.dense.weight", "encoder.deep.1"},
                          Case{"encoder.pooler.dense.weight", "encoder.pooled"},
                          Case{"encoder.projection.conv.weight", "encoder.projection"},
                          Case{"encoder.final_char_encoder.layer.0.output.LayerNorm.weight", "encoder.final"},
                          Case{"decoder.token_emb.embedding.weight", "decoder.embeddings"},
                          Case{"decoder.decoder.layers.2.multihead_attn.in_proj_weight", "decoder.layer.2"},
                          Case{"decoder.head.bias", "seq_logits"}, Case{"linear_decoder.bias", "flat_logits"});
  SmallCopy copy;
  copy.change("model.safetensors", [&](NamedTensors& tensors) { tensor(tensors, c.weight).select(0, 2).add_(0.01); });
  const std::vector<StageComparison> stages = replay_and_compare(copy.path(), Attention::kSdpa);
  const auto first = std::ranges::find_if(stages, [](const StageComparison& stage) { return !stage.agrees(); });
  INFO(c.weight);
  REQUIRE(first != stages.end());
  CHECK(first->stage == c.first_stage);
  CHECK_THAT(comparison_report(stages),
             ContainsSubstring(fmt::format("First stage that diverges: {} (", c.first_stage)));
}

TEST_CASE("a weight that is not a number diverges") {
  SmallCopy copy;
  copy.change("model.safetensors",
              [](NamedTensors& tensors) { tensor(tensors, "encoder.pooler.dense.bias")[3] = std::nan(""); });
  const std::vector<StageComparison> stages = replay_and_compare(copy.path(), Attention::kSdpa);
  const auto first = std::ranges::find_if(stages, [](const StageComparison& stage) { return !stage.agrees(); });
  REQUIRE(first != stages.end());
  CHECK(first->stage == "encoder.pooled");
}

TEST_CASE("impossible inputs are named") {
  struct Case {
    const char* message;  // part of it
    std::function<void(SmallCopy&)> spoil;
  };
  const auto matrix = [](const char* name, const std::function<at::Tensor(const at::Tensor&)>& change) {
    return [=](SmallCopy& copy) {
      copy.change("batch.safetensors",
                  [&](NamedTensors& tensors) { tensor(tensors, name) = change(tensor(tensors, name)); });
    };
  };
  const std::vector<Case> cases = {
      {"\"learning_rate\"", [](SmallCopy& copy) { copy.spec.erase("learning_rate"); }},
      {"\"epochs\"", [](SmallCopy& copy) { copy.spec["epochs"] = 1.5; }},
      {"\"epochs\"", [](SmallCopy& copy) { copy.spec["epochs"] = -1; }},
      {"\"warmup_pct\"", [](SmallCopy& copy) { copy.spec["warmup_pct"] = 1.5; }},
      {"\"gpf\", \"hisco\" or \"occ1950\"", [](SmallCopy& copy) { copy.spec["formatter"] = "hisco2"; }},
      {"expected 19 rows of \"decoder.head.weight\", the vocabulary of the formatter \"hisco\"",
       [](SmallCopy& copy) { copy.spec["formatter"] = "hisco"; }},
      {"expected 1000 rows of \"linear_decoder.weight\", the classes of the formatter \"occ1950\"",
       [](SmallCopy& copy) {
         copy.spec["formatter"] = "occ1950";
         copy.change("model.safetensors", [](NamedTensors& tensors) {
           at::Tensor& head = tensor(tensors, "decoder.head.weight");
           head = at::Tensor(head).narrow(0, 0, 16);
         });
       }},
      {"\"block_size\" be in [1, 1000]", [](SmallCopy& copy) { copy.spec["block_size"] = int64_t{1} << 62; }},
      {"\"target_cols\"", [](SmallCopy& copy) { copy.spec["target_cols"] = Json::array(); }},
      {"targets_seq2seq\" to be [8, 17], found [8, 12]",
       [](SmallCopy& copy) {
         copy.spec["target_cols"] = {"a", "b", "c"};
       }},
      {"config.json: this file is missing", [](SmallCopy& copy) { copy.remove("encoder"); }},
      {"step_batches.safetensors: this file is missing",
       [](SmallCopy& copy) { copy.remove("step_batches.safetensors"); }},
      {"\"decoder.head.weight\" is missing",
       [](SmallCopy& copy) {
         copy.change("model.safetensors", [](NamedTensors& tensors) {
           std::erase_if(tensors, [](const auto& entry) { return entry.first == "decoder.head.weight"; });
         });
       }},
      {"\"0.input_ids\" is missing",
       [](SmallCopy& copy) {
         copy.change("step_batches.safetensors", [](NamedTensors& tensors) {
           std::erase_if(tensors, [](const auto& entry) { return entry.first.starts_with("0."); });
         });
       }},
      {"\"targets_seq2seq\" between 0 and 2086", matrix("targets_seq2seq", [](const auto& t) { return t.mul(1000); })},
      {"\"input_ids\" between 0", matrix("input_ids", [](const auto& t) { return t.neg(); })},
      {"\"attention_mask\" to be [8, 128]", matrix("attention_mask", [](const auto& t) { return t.narrow(1, 0, 9); })},
      {"\"targets_linear\" to be a matrix of type Float",
       matrix("targets_linear", [](const auto& t) { return t.to(at::kLong); })},
  };
  for (const Case& c : cases) {
    SmallCopy copy;
    c.spoil(copy);
    INFO(c.message);
    const testing::TemporaryFolder out;
    const fs::path& folder = copy.path();
    CHECK_THROWS_AS(replay({.folder = folder, .out = out.path()}), DataError);
    CHECK_THROWS_WITH(replay({.folder = folder, .out = out.path()}), ContainsSubstring(c.message));
    CHECK(fs::is_empty(out.path()));
  }
}

TEST_CASE("a file that is not JSON, and weights of another shape, are refused") {
  const testing::TemporaryFolder out;
  SmallCopy copy;
  const fs::path folder = copy.path();
  write_file(folder / "spec.json", "{\"formatter\": ", false);
  CHECK_THROWS_AS(replay({.folder = folder, .out = out.path()}), DataError);

  SmallCopy other;
  other.change("model.safetensors", [](NamedTensors& tensors) {
    tensor(tensors, "encoder.pooler.dense.bias") =
        at::Tensor(tensor(tensors, "encoder.pooler.dense.bias")).narrow(0, 0, 5);
  });
  CHECK_THROWS_AS(replay({.folder = other.path(), .out = out.path()}), CheckpointError);
}

TEST_CASE("the folder must be one, and not the output") {
  const testing::TemporaryFolder out;
  CHECK_THROWS_AS(replay({.folder = out / "none", .out = out.path()}), UsageError);
  SmallCopy copy;
  const fs::path folder = copy.path();
  CHECK_THROWS_AS(replay({.folder = folder, .out = folder / "."}), UsageError);
  CHECK_FALSE(fs::exists(folder / "losses.json"));
}

}  // namespace
}  // namespace canine
