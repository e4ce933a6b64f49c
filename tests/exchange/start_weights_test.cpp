#include "canine/exchange/start_weights.hpp"

#include <torch/nn/module.h>
// LibTorch's CHECK must not win.
#undef CHECK

#include <ATen/Context.h>
#include <ATen/ops/zeros.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "canine/core/errors.hpp"
#include "canine/exchange/write_model.hpp"
#include "canine/model/encoder.hpp"
#include "exchange/tiny_models.hpp"
#include "support/captured_stream.hpp"

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using test::same_weights;
using test::small_mixer;
using test::with_prefixes;
using testing::CapturedStream;
using testing::TemporaryFolder;

/// A copy of the weights of a new model after start weights were loaded, and what was said.
struct Started {
  NamedTensors before, after;
  std::string said;

  bool took(const NamedTensors& weights, const std::vector<std::string>& prefixes) const {
    return same_weights(with_prefixes(after, prefixes), with_prefixes(weights, prefixes));
  }
  bool kept(const std::vector<std::string>& prefixes) const { return took(before, prefixes); }
};

NamedTensors copy_of(Mixer& model) {
  NamedTensors weights;
  for (const auto& [name, tensor] : state_dict(*model)) weights.emplace_back(name, tensor.clone());
  return weights;
}

Started start(const std::string& source, bool only_encoder, int64_t symbols, int64_t classes) {
  at::manual_seed(3);
  Mixer model = small_mixer(symbols, classes);
  Started started;
  started.before = copy_of(model);
  const CapturedStream stdout_text(1), stderr_text(2);
  StartWeights(source, only_encoder).load_into(model);
  started.after = copy_of(model);
  started.said = stdout_text.text() + stderr_text.text();
  return started;
}

/// Files of the types that a start may come from.
struct Files {
  TemporaryFolder folder;
  NamedTensors weights = test::tiny_content().weights;

  std::string write(const std::string& name, ModelType type, const std::vector<std::string>& prefixes) {
    ModelContent content = test::tiny_content();
    content.weights = with_prefixes(weights, prefixes);
    content.type = type;
    write_checkpoint(folder / name, content);
    return (folder / name).string();
  }
};

TEST_CASE("a mixer gives all weights, or its encoder only") {
  const Started all = start(test::tiny_checkpoint(), false, 2087, 40);
  const NamedTensors weights = test::tiny_content().weights;
  CHECK(same_weights(all.after, weights));
  CHECK_THAT(all.said, ContainsSubstring("Start weights: all of"));

  const Started encoder = start(test::tiny_checkpoint(), true, 19, 1919);
  CHECK(encoder.took(weights, {"encoder."}));
  CHECK(encoder.kept({"decoder.", "linear_decoder."}));
}

TEST_CASE("a mixer with other shapes is refused with them") {
  Mixer model = small_mixer(2088, 40);
  CHECK_THROWS_MATCHES(StartWeights(test::tiny_checkpoint(), false).load_into(model), CheckpointError,
                       MessageMatches(ContainsSubstring("decoder.head.weight (model [2088, 24], file [2087, 24])")));
}

TEST_CASE("a mixer of other codes is refused by its key or by their number, whatever comes first") {
  const auto others =
      MessageMatches(ContainsSubstring("its flat head has 40 classes, this run has 41 codes; take its "
                                       "encoder alone with --only-encoder"));
  Mixer model = small_mixer(2087, 41);
  CHECK_THROWS_MATCHES(StartWeights(test::tiny_checkpoint(), false).load_into(model), CheckpointError, others);

  Files files;
  ModelContent content = test::tiny_content();
  content.key.reset();
  content.card.reset();
  write_checkpoint(files.folder / "bare.bin", content);
  const StartWeights bare((files.folder / "bare.bin").string(), false);
  LabelKey key;
  for (int code = 0; code < 40; ++code) key.add(std::to_string(code));
  bare.require_classes(40, &key);
  bare.require_classes(40, nullptr);
  CHECK_THROWS_MATCHES(bare.require_classes(41, &key), CheckpointError, others);
  StartWeights((files.folder / "bare.bin").string(), true).require_classes(41, &key);

  content.key = key;
  write_checkpoint(files.folder / "key.bin", content);
  const StartWeights known((files.folder / "key.bin").string(), false);
  known.require_classes(40, &key);
  LabelKey other;
  for (int code = 1; code < 41; ++code) other.add(std::to_string(code));
  CHECK_THROWS_MATCHES(known.require_classes(40, &other), CheckpointError,
                       MessageMatches(ContainsSubstring("its 40 codes are not the 40 codes of this run")));
}

TEST_CASE("a flat model gives its encoder, and its head where the classes are as many") {
  Files files;
  const std::string flat = files.write("flat.bin", ModelType::kFlat, {"encoder.", "linear_decoder."});
  const Started fits = start(flat, false, 19, 40);
  CHECK(fits.took(files.weights, {"encoder.", "linear_decoder."}));
  CHECK(fits.kept({"decoder."}));
  const Started other = start(flat, false, 19, 41);
  CHECK(other.took(files.weights, {"encoder."}));
  CHECK(other.kept({"decoder.", "linear_decoder."}));
  CHECK_THAT(other.said, ContainsSubstring("its flat head has 40 classes and this model's 41"));
}

TEST_CASE("a seq2seq model gives encoder and decoder, an encoder gives itself") {
  Files files;
  const Started seq2seq =
      start(files.write("seq2seq.bin", ModelType::kSeq2Seq, {"encoder.", "decoder."}), false, 2087, 7);
  CHECK(seq2seq.took(files.weights, {"encoder.", "decoder."}));
  CHECK(seq2seq.kept({"linear_decoder."}));
  const Started encoder = start((test::tiny_folder() / "encoder").string(), false, 19, 7);
  CHECK(encoder.kept({"decoder.", "linear_decoder."}));
  CHECK_FALSE(encoder.kept({"encoder."}));
}

TEST_CASE("a file without an encoder is refused") {
  const TemporaryFolder folder;
  write_safetensors(folder / "a.safetensors", {{"weight", at::zeros({1})}});
  CHECK_THROWS_MATCHES(StartWeights((folder / "a.safetensors").string(), true), CheckpointError,
                       MessageMatches(ContainsSubstring("belongs to a CANINE encoder")));
}

TEST_CASE("occ-canine-v1 is the published flat model") {
  for (const char* word : {"occ-canine-v1", "OCC-CANINE-V1"}) {
    CHECK(start_weights_source(word) == "Christianvedel/OccCANINE");
  }
  CHECK(start_weights_source("out/last.bin") == "out/last.bin");

  Files files;
  const std::filesystem::path snapshot = files.folder / "models--Christianvedel--OccCANINE" / "snapshots" / "0123abcd";
  ModelContent content = test::tiny_content();
  content.weights = with_prefixes(files.weights, {"encoder.", "linear_decoder."});
  content.type = ModelType::kFlat;
  write_hub_folder(snapshot, content);
  ::setenv("HF_HUB_CACHE", files.folder.path().c_str(), 1);
  const Started started = start("occ-canine-v1", false, 19, 40);
  ::unsetenv("HF_HUB_CACHE");
  CHECK(started.took(files.weights, {"encoder.", "linear_decoder."}));
}

}  // namespace
}  // namespace canine
